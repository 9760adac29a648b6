"""Templates as the tests look at them: synthesised once a session and stage, and made comparable."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cdk_app.images import ROOT

Json = dict[str, Any]
STAGES = ("local", "dev", "staging", "prod")
ACCOUNT = "000000000000"


class SynthesisError(AssertionError):
    """Synthesis failed; the message is what it printed."""


def synthesise(stage: str, folder: Path, *arguments: str) -> Path:
    """Synthesise a stage as a person would, with nothing in the environment: no credentials, no Docker, no network."""
    done = subprocess.run(
        [sys.executable, "-m", "cdk_app", "-c", f"stage={stage}", *arguments],
        cwd=ROOT,
        env={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), *_node_folders()]),
            "HOME": str(folder),
            "CDK_OUTDIR": str(folder),
            "DOCKER_HOST": "tcp://127.0.0.1:1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HTTPS_PROXY": "http://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SynthesisError(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return folder


def _node_folders() -> list[str]:
    return [folder for folder in os.environ["PATH"].split(os.pathsep) if (Path(folder) / "node").exists()]


@cache
def assembly(stage: str, session: Path) -> Path:
    """The templates of a stage, made by whichever worker of the session needs them first."""
    folder = session / f"synth-{stage}"
    session.mkdir(parents=True, exist_ok=True)
    with (session / f"synth-{stage}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            synthesise(stage, folder)
            (folder / "done").touch()
    return folder


@cache
def read(folder: Path) -> dict[str, Json]:
    """Templates by the stack's name without product and stage."""
    return {
        path.name.removesuffix(".template.json").split("-", 2)[2]: json.loads(path.read_text())
        for path in sorted(folder.glob("*.template.json"))
    }


def resources(templates: dict[str, Json], *kinds: str) -> Iterator[tuple[str, Json]]:
    """Resources of some types, or all, named ``<stack>/<logical id>``."""
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            if not kinds or resource["Type"] in kinds:
                yield f"{stack}/{logical_id}", resource


def flat(value: Any) -> str:
    """A value as text, with references put in as ``${Name}``."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(flat(part) for part in argument[1])
    if function in {"Ref", "Fn::ImportValue"}:
        return f"${{{flat(argument)}}}"
    if function == "Fn::GetAtt":
        return f"${{{'.'.join(argument)}}}"
    if function in {"Fn::Sub", "Fn::Base64"}:
        return flat(argument)
    return f"${{{function} {argument!r}}}".replace('"', "'")


def definition(templates: dict[str, Json], name: str) -> tuple[Json, set[str]]:
    """The definition of a state machine, and what is substituted in it."""
    for _, resource in resources(templates, "AWS::StepFunctions::StateMachine"):
        properties = resource["Properties"]
        if flat(properties["StateMachineName"]).endswith(name):
            return json.loads(flat(properties["DefinitionString"])), set(properties.get("DefinitionSubstitutions", {}))
    raise LookupError(name)


def without_launcher(value: Any) -> Any:
    """A definition in which a job is its operation and its request, whoever runs it."""
    if isinstance(value, list):
        return [without_launcher(item) for item in value]
    if not isinstance(value, dict):
        return value
    state = {key: without_launcher(item) for key, item in value.items()}
    resource = str(state.get("Resource", ""))
    if resource == "arn:aws:states:::sqs:sendMessage.waitForTaskToken":
        body = state["Arguments"]["MessageBody"]
        assert body.keys() == {"task_token", "operation", "request"}
        state |= {"Resource": f"job {body['operation']}", "Arguments": body["request"]}
    elif resource.startswith("arn:aws:states:::sagemaker:") and resource.endswith(".sync"):
        state["Resource"] = f"job {resource.removeprefix('arn:aws:states:::sagemaker:').removesuffix('.sync')}"
    return state


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a template with its path.

    What functions put together is one value; definitions of state machines are taken apart; what is named in a list
    (tags, statements) goes by its name instead of its place.
    """
    if isinstance(value, dict) and not _is_function(value):
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}/{_name(item) or index}")
    else:
        text = flat(value)
        if path.endswith("/DefinitionString"):
            yield from leaves(without_launcher(json.loads(text)), path)
        else:
            yield path, text


def _is_function(value: Json) -> bool:
    return len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::"))


def _name(item: Any) -> str | None:
    """What an item of a list is called: a statement by its id or its first action, a tag by its key."""
    if not isinstance(item, dict):
        return None
    if "Effect" in item and "Action" in item:
        first = item["Action"][0] if isinstance(item["Action"], list) else item["Action"]
        return str(item.get("Sid", first))
    key = item.get("Key")
    return key if isinstance(key, str) else None


_VERSION = re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}")


def comparable(templates: dict[str, Json], stage: str) -> dict[str, dict[str, str]]:
    """Every value of all templates by resource and path, evened out where it follows from the stage's name alone.

    Resources are named ``<stack>/<type>/<construct>``.
    """
    found: dict[str, dict[str, str]] = {}
    for name, resource in resources(templates):
        if resource["Type"] == "AWS::CDK::Metadata":
            continue
        stack, logical_id = name.split("/")
        construct = re.sub(r"[0-9A-F]{8}$", "", _VERSION.sub(r"\1", logical_id))
        shown = {key: value for key, value in resource.items() if key != "Metadata"}
        found[f"{stack}/{resource['Type'].removeprefix('AWS::')}/{construct}"] = {
            _even(path, stage): _even(value, stage) for path, value in leaves(shown)
        }
    return found


def _even(text: str, stage: str) -> str:
    text = _VERSION.sub(r"\1", text).replace("${AWS::AccountId}", ACCOUNT)
    # Another test holds images to their tags; here the stages may be synthesised while somebody edits a source.
    text = re.sub(r"^(\S+\.dkr\.ecr\.\S+:)[0-9a-f]{16}$", r"\1TAG", text)
    text = re.sub(rf"((?:cyberbullying|drift)[-_/. :]+){stage}(?=\b|_)", r"\1STAGE", text)
    text = re.sub(rf"\bof {stage}\b", "of STAGE", text)
    # The CDK names the statement that lets a rule write to a queue by the stack, and by a digest of that name.
    text = re.sub(rf"(AllowEventRulecyberbullying){stage}(\w+)[0-9A-F]{{8}}", r"\1STAGE\2", text)
    return "STAGE" if text == stage else text


def differences(one: dict[str, dict[str, str]], other: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    """Where two stages differ, and how. A resource that only one of them has is a single difference."""
    for resource in sorted(one.keys() | other.keys()):
        if resource not in one or resource not in other:
            yield resource, "only in " + ("the first" if resource in one else "the second")
            continue
        here, there = one[resource], other[resource]
        for path in sorted(here.keys() | there.keys()):
            if here.get(path) != there.get(path):
                yield f"{resource}{path}", f"{here.get(path)} | {there.get(path)}"
