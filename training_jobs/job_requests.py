"""The requests of the deployed state machine, to launch one of its jobs by hand.

A job that is launched by hand must be the job that a retrain would launch: same image, role, network, environment and
metric definitions. So the request is not built a second time but read out of the deployed definition, and only what an
execution would have put into its JSONata expressions is put in here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from training_jobs.errors import InputError

Json = dict[str, Any]

STEPS: Final = ("prepare", "train", "evaluate", "register", "promote")

TRAINING: Final = "createTrainingJob"
PROCESSING: Final = "createProcessingJob"

_EXPRESSION: Final = re.compile(r"\{%(.*)%\}", re.DOTALL)
_TERM: Final = re.compile(r"\s*(?:'([^']*)'|(\$[\w.]+))\s*(?:&|$)")
_QUOTED_ADDRESS: Final = re.compile(r"'(s3://[^']*)'")
_REQUEST_OF: Final = {f"arn:aws:states:::sagemaker:{operation}.sync": operation for operation in (TRAINING, PROCESSING)}


@dataclass(frozen=True)
class JobRequest:
    """A request to SageMaker.

    Attributes:
        operation: ``createTrainingJob`` or ``createProcessingJob``.
        body: in the API's own names.
    """

    operation: str
    body: Json

    @property
    def name(self) -> str:
        """Of the job."""
        return str(self.body[f"{self.operation.removeprefix('create')}Name"])


@dataclass(frozen=True)
class Choice:
    """What a person asks for.

    Attributes:
        step: the module below ``training_jobs``.
        stage: the deployment stage.
        run: whose folder the job reads and writes: an execution's name, or a new one.
        suffix: makes the job's name its own.
        candidate: to train.
        refit: train on everything.
        seed: of everything random.
        version: to promote.
        inputs: S3 addresses by input name, where the run's own are not wanted or not known.
    """

    step: str
    stage: str
    run: str
    suffix: str
    candidate: str = ""
    refit: bool = False
    seed: int = 7
    version: str = ""
    inputs: Mapping[str, str] | None = None


def request_for(definition: Json, choice: Choice) -> JobRequest:
    """The request that an execution would send, for what a person asks for.

    Args:
        definition: of the state machine, in the Amazon States Language.
        choice: what is asked for.

    Raises:
        InputError: the state machine has no such job, or something that only an execution knows was not given.
    """
    operation, template = _template(definition, choice)
    body = _with_inputs(template, dict(choice.inputs or {}))
    body = _filled(body, _variables(definition, template, choice))
    body[f"{operation.removeprefix('create')}Name"] = _job_name(choice)
    missing = sorted(_unfilled(body))
    if missing:
        raise InputError(f"only an execution knows {', '.join(missing)}; name the inputs with --input NAME=s3://...")
    return JobRequest(operation, body)


def job_prefix(stage: str) -> str:
    """What the names of a stage's jobs begin with, whoever launched them."""
    return f"cyberbullying-{stage}-"


def _template(definition: Json, choice: Choice) -> tuple[str, Json]:
    """The job's operation and its request, with the expressions still in it."""
    module = f"training_jobs.{choice.step}"
    found = [
        (_REQUEST_OF[state["Resource"]], state["Arguments"]) for state in _jobs(definition) if module in _entry(state)
    ]
    if not found:
        raise InputError(f"the state machine has no SageMaker job for {choice.step}")
    refit = str(choice.refit).lower()
    return next((job for job in found if job[1].get("HyperParameters", {}).get("refit") == refit), found[0])


def _jobs(node: object) -> Iterator[Json]:
    """Every state that launches a SageMaker job, at any depth."""
    if isinstance(node, dict):
        if node.get("Resource") in _REQUEST_OF:
            yield node
        for value in node.values():
            yield from _jobs(value)


def _entry(state: Json) -> list[str]:
    arguments = state["Arguments"]
    specification = arguments.get("AlgorithmSpecification") or arguments.get("AppSpecification") or {}
    return list(specification.get("ContainerEntrypoint", []))


def _variables(definition: Json, template: Json, choice: Choice) -> dict[str, str]:
    """What the execution's variables would hold."""
    bucket = template.get("Environment", {}).get("ARTEFACTS_BUCKET", "")
    known = {
        "$run": f"s3://{bucket}/runs/{choice.run}/",
        "$seed": str(choice.seed),
        "$reason": "by hand",
        "$dataset": _default_dataset(definition),
        "$states.context.Execution.Name": choice.run,
        "$states.input": choice.candidate,
        "$chosen.candidate": choice.candidate,
        "$registered.version": choice.version,
    }
    return {name: value for name, value in known.items() if value}


def _default_dataset(definition: Json) -> str:
    """The data set of an execution that names none: the address in the expression that assigns it."""
    start = definition.get("States", {}).get(definition.get("StartAt", ""), {})
    found = _QUOTED_ADDRESS.findall(str(start.get("Assign", {}).get("dataset", "")))
    return str(found[-1]) if found else ""


def _with_inputs(template: Json, inputs: dict[str, str]) -> Json:
    """The request with the given addresses in place of its own.

    Raises:
        InputError: the job has no input of that name.
    """
    body = dict(template)
    for group, name, source in (
        ("InputDataConfig", "ChannelName", ("DataSource", "S3DataSource")),
        ("ProcessingInputs", "InputName", ("S3Input",)),
    ):
        if group in body:
            body[group] = [_readdressed(each, source, inputs.pop(each[name], "")) for each in body[group]]
    if inputs:
        raise InputError(f"the job has no input {', '.join(sorted(inputs))}")
    return body


def _readdressed(channel: Json, source: tuple[str, ...], address: str) -> Json:
    if not address:
        return channel
    first, *rest = source
    inner = _readdressed(channel[first], tuple(rest), address) if rest else {**channel[first], "S3Uri": address}
    return {**channel, first: inner}


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    """The same structure with every expression evaluated whose variables are known."""
    if isinstance(node, dict):
        return {key: _filled(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    expression = _EXPRESSION.fullmatch(node) if isinstance(node, str) else None
    value = _evaluated(expression[1], variables) if expression else None
    return node if value is None else value


def _evaluated(expression: str, variables: Mapping[str, str]) -> str | None:
    """The value of literals and variables joined by ``&``; None of anything else."""
    parts: list[str] = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        term = _TERM.match(expression, position)
        if term is None or (term[1] is None and term[2] not in variables):
            return None
        parts.append(term[1] if term[1] is not None else variables[term[2]])
        position = term.end()
    return "".join(parts)


def _unfilled(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _unfilled(value)
    elif isinstance(node, list):
        for value in node:
            yield from _unfilled(value)
    elif isinstance(node, str):
        expression = _EXPRESSION.fullmatch(node)
        if expression:
            yield expression[1].strip()


def _job_name(choice: Choice) -> str:
    what = "refit" if choice.refit else choice.candidate or choice.step
    return f"{job_prefix(choice.stage)}{what.replace('_', '-')}-{choice.suffix}"
