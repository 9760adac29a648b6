"""Launch one job of a stage's retrain state machine by hand, follow its log, list past ones.

The request is the one that the deployed state machine would send: image, role, network, environment and metrics are
read from it. For example:

  python -m training_jobs.submit run prepare --stage dev --run try-1
  python -m training_jobs.submit run train --stage dev --run try-1 --candidate linear_svm
  python -m training_jobs.submit list --stage dev
  python -m training_jobs.submit logs --stage dev cyberbullying-dev-linear-svm-20261123-101500

Jobs of one --run share a folder, as those of one execution do; the name of an execution continues that one. The local
stage has no SageMaker: there, `python -m training_jobs.local_run` runs the same jobs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from training_jobs import entrypoint
from training_jobs.errors import InputError, JobError
from training_jobs.job_requests import STEPS, Choice, JobRequest, job_prefix, request_for

if TYPE_CHECKING:
    import boto3

    from training_jobs.sagemaker_jobs import JobState, SageMakerJobs

NEEDS: Final = {"train": "candidate", "promote": "version"}
"""The option that a step cannot do without."""

INTERRUPTED: Final = 130

Say = Callable[[str], None]


def definition_of(session: boto3.Session, stage: str) -> dict[str, Any]:
    """The deployed definition of a stage's state machine.

    Raises:
        InputError: the stage is not deployed in this account and region.
    """
    client = session.client("stepfunctions")
    name = f"cyberbullying_{stage}_retrain"
    for page in client.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            if machine["name"] == name:
                found = client.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
                definition: dict[str, Any] = json.loads(found["definition"])
                return definition
    raise InputError(f"there is no state machine {name} in {session.region_name}: is the stage deployed there?")


def choice_from(arguments: argparse.Namespace, now: datetime) -> Choice:
    """What the options ask for.

    Raises:
        InputError: an option that the step needs is missing, or an input is not NAME=s3://...
    """
    needed = NEEDS.get(arguments.step)
    if needed and not getattr(arguments, needed):
        raise InputError(f"{arguments.step} needs --{needed}")
    moment = now.strftime("%Y%m%d-%H%M%S")
    if not arguments.run and arguments.step != "prepare":
        raise InputError(f"{arguments.step} needs --run, the run or execution whose data it works on")
    return Choice(
        step=arguments.step,
        stage=arguments.stage,
        run=arguments.run or f"by-hand-{moment}",
        suffix=moment,
        candidate=arguments.candidate if arguments.step == "train" else "",
        refit=arguments.refit and arguments.step == "train",
        seed=arguments.seed,
        version=arguments.version,
        inputs=dict(_named_address(text) for text in arguments.input),
    )


def run_job(jobs: SageMakerJobs, request: JobRequest, *, wait: bool, say: Say) -> int:
    """Launch a job, and follow it unless told not to; returns the exit code."""
    state = jobs.launch(request)
    say(f"launched {state.name}")
    return follow_job(jobs, state, say) if wait else 0


def follow_job(jobs: SageMakerJobs, state: JobState, say: Say) -> int:
    """Follow a job to its end; returns the exit code."""
    ended = jobs.follow(state, say)
    say(f"{ended.name}: {ended.status}" + (f", {ended.result}" if ended.result else ""))
    return 0 if ended.status == "Completed" else JobError.exit_code


def list_jobs(jobs: SageMakerJobs, stage: str, limit: int, say: Say) -> None:
    """Say what jobs there were, newest first, a line each."""
    states = jobs.newest(job_prefix(stage), limit)
    if not states:
        say(f"there are no jobs whose names begin with {job_prefix(stage)}")
    for state in states:
        began = f"{state.created:%Y-%m-%d %H:%M}" if state.created else "-"
        took = f"{(state.ended - state.created).total_seconds() / 60:.0f} min" if state.ended and state.created else "-"
        say(f"{began}  {took:>7}  {state.status:<11} {state.name}  {state.result}".rstrip())


def _named_address(text: str) -> tuple[str, str]:
    name, _, address = text.partition("=")
    if not name or not address.startswith("s3://"):
        raise InputError(f"--input takes NAME=s3://bucket/prefix, not {text!r}")
    return name, address


def _parser() -> argparse.ArgumentParser:
    parser = entrypoint.parser("training_jobs.submit", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="launch one job")
    run.add_argument("step", choices=STEPS)
    run.add_argument(
        "--run", default="", help="the run or execution whose folder the job works in (prepare: a new one)"
    )
    run.add_argument("--candidate", default="", help="what to train, for example linear_svm")
    run.add_argument("--refit", action="store_true", help="train on everything, the validation fold included")
    run.add_argument("--seed", type=int, default=7, help="of everything random (default 7)")
    run.add_argument("--version", default="", help="the registered version to promote")
    run.add_argument(
        "--input", action="append", default=[], metavar="NAME=s3://...", help="an input from elsewhere; may be repeated"
    )
    run.add_argument("--no-wait", action="store_true", help="do not follow the job")
    run.add_argument("--dry-run", action="store_true", help="print the request and launch nothing")
    past = commands.add_parser("list", help="list past and present jobs, newest first")
    past.add_argument("--limit", type=int, default=20, help="how many (default 20)")
    logs = commands.add_parser("logs", help="follow a job's log to its end")
    logs.add_argument("job", help="the job's name")
    for command in (run, past, logs):
        command.add_argument("--stage", required=True, help="dev, staging or prod")
        command.add_argument("--region", help="AWS region (default: that of your AWS configuration)")
    return parser


def _session(arguments: argparse.Namespace) -> boto3.Session:
    import boto3  # noqa: PLC0415 - --help need not wait for it

    if arguments.stage == "local":
        raise InputError("the local stage has no SageMaker; use python -m training_jobs.local_run")
    session = boto3.Session(region_name=arguments.region)
    if not session.region_name:
        raise InputError("no AWS region is configured; name one with --region")
    return session


def jobs_for(session: boto3.Session) -> SageMakerJobs:
    """The jobs of a session's account and region."""
    from training_jobs.sagemaker_jobs import SageMakerJobs  # noqa: PLC0415 - takes four seconds

    return SageMakerJobs(session)


def _work(arguments: argparse.Namespace, say: Say) -> int:
    session = _session(arguments)
    if arguments.command == "list":
        list_jobs(jobs_for(session), arguments.stage, arguments.limit, say)
        return 0
    if arguments.command == "logs":
        jobs = jobs_for(session)
        return follow_job(jobs, jobs.find(arguments.job), say)
    choice = choice_from(arguments, datetime.now(UTC))
    request = request_for(definition_of(session, arguments.stage), choice)
    if arguments.dry_run:
        say(json.dumps(request.body, indent=2))
        return 0
    return run_job(jobs_for(session), request, wait=not arguments.no_wait, say=say)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return _work(parsed, lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print("interrupted; the job, if launched, goes on: follow it with the logs command", file=sys.stderr)
        return INTERRUPTED
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        print(f"error: {entrypoint.reason_of(error)}", file=sys.stderr)
        return JobError.exit_code


if __name__ == "__main__":
    sys.exit(main())
