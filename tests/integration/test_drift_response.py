"""From drift to a retraining, on the emulator: the deployed stack, its alarms, its archive and its state machines."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, DefaultStackSynthesizer, Environment

from cdk_app.stages import EMULATOR_ACCOUNT, TWEET_CLASSIFICATION, TWEET_EVENTS, stage_config
from local import aws, emulator
from local.processes import Supervisor
from moderation.champion import ChampionPointer, write_pointer
from moderation.labels import LABELS
from moderation.messages import Decision
from moderation.reference import REFERENCE_FILE, ReferenceVerdict, write_reference
from monitoring import metric_names as names
from monitoring.job import Clients, run
from monitoring.publisher import publish
from monitoring.report import Value
from monitoring.settings import read_settings
from stacks.monitoring import MonitoringStack
from stacks.storage import StorageStack
from stacks.streaming import StreamingStack
from tests.fakes.monitoring import tweet_line, verdict_line
from tests.fakes.panels import data_points, panel_queries
from tests.waiting import wait_for

pytestmark = pytest.mark.emulator

STAGE = stage_config("local")
MACHINES = f"arn:aws:states:{STAGE.region}:{EMULATOR_ACCOUNT}:stateMachine:"
DRIFTED = [Value(names.DRIFTED_SHARE, 0.8), Value(names.MACRO_F1_DROP, 0.2)]


class Aws:
    """The emulator."""

    def __init__(self, endpoint: str) -> None:
        clients = aws.Clients(endpoint)
        self.cloudformation, self.cloudwatch = clients["cloudformation"], clients["cloudwatch"]
        self.states, self.sqs, self.sns = clients["stepfunctions"], clients["sqs"], clients["sns"]
        self.s3, self.ssm = clients["s3"], clients["ssm"]
        self.kinesis, self.dynamodb = clients["kinesis"], clients["dynamodb"]

    def outcome(self, execution: str) -> dict[str, Any]:
        """The end of an execution."""

        def described() -> dict[str, Any]:
            found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            return found

        wait_for(lambda: described()["status"] != "RUNNING", f"the end of {execution}")
        return described()

    def respond(self) -> dict[str, Any]:
        """Run the response; returns its output."""
        arn = self.states.start_execution(stateMachineArn=MACHINES + STAGE.physical("drift_response"))["executionArn"]
        output: dict[str, Any] = json.loads(self.outcome(arn)["output"])
        return output

    def publish(self, values: list[Value]) -> None:
        publish(self.cloudwatch, STAGE.name, datetime.now(UTC), values)

    def retrainings(self) -> list[dict[str, Any]]:
        """Inputs of all executions of the retrain state machine."""
        found = self.states.list_executions(stateMachineArn=MACHINES + STAGE.physical("retrain"))["executions"]
        described = [self.states.describe_execution(executionArn=item["executionArn"]) for item in found]
        return [json.loads(item["input"]) for item in described]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    # Templates go straight to CloudFormation: there is no bootstrap stack to ask for its version.
    synthesizer = DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    app = App(outdir=str(tmp_path_factory.mktemp("synth")), default_stack_synthesizer=synthesizer)
    place = Environment(account=STAGE.account, region=STAGE.region)
    storage = StorageStack(app, STAGE.stack("storage"), stage=STAGE, env=place)
    streaming = StreamingStack(app, STAGE.stack("streaming"), stage=STAGE, storage=storage, env=place)
    MonitoringStack(app, STAGE.stack("monitoring"), stage=STAGE, storage=storage, streaming=streaming, env=place)
    return [(stack.stack_name, json.dumps(stack.template)) for stack in app.synth().stacks]


@pytest.fixture
def deployed(templates: list[tuple[str, str]]) -> Iterator[Aws]:
    """The stacks on an emulator of their own, and a retrain state machine that only remembers its input."""
    with Supervisor() as supervisor:
        endpoint, _ = emulator.start(supervisor)
        found = Aws(endpoint)
        for name, body in templates:
            _deploy(found, name, body)
        definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
        found.states.create_state_machine(
            name=STAGE.physical("retrain"), definition=definition, roleArn=f"arn:aws:iam::{EMULATOR_ACCOUNT}:role/any"
        )
        yield found


def _deploy(found: Aws, name: str, body: str) -> None:
    # Longer than a request may be, as the CDK's own deployments find too.
    found.s3.create_bucket(Bucket="templates")
    found.s3.put_object(Bucket="templates", Key=name, Body=body.encode())
    address = f"{found.s3.meta.endpoint_url}/templates/{name}"
    found.cloudformation.create_stack(StackName=name, TemplateURL=address, Capabilities=["CAPABILITY_NAMED_IAM"])

    def described() -> dict[str, Any]:
        (stack,) = found.cloudformation.describe_stacks(StackName=name)["Stacks"]
        return dict(stack)

    wait_for(lambda: not described()["StackStatus"].endswith("IN_PROGRESS"), f"the deployment of {name}")
    assert described()["StackStatus"] == "CREATE_COMPLETE", described()


def test_both_alarms_start_one_retraining_and_say_why(deployed: Aws) -> None:
    deployed.publish(DRIFTED)
    first, second = deployed.respond(), deployed.respond()
    assert first["started"] is True
    assert second == {"started": False, "why": "cooling down"}
    (given,) = deployed.retrainings()
    assert given["reason"] == first["why"]
    assert given["reason"].startswith("drift: ")
    assert "DriftedShare" in given["reason"]
    assert "MacroF1Drop" in given["reason"]
    assert len(given["reason"]) <= 250


def test_many_events_at_once_start_one_retraining(deployed: Aws) -> None:
    deployed.publish(DRIFTED)
    machine = MACHINES + STAGE.physical("drift_response")
    started = [deployed.states.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(10)]
    outputs = [json.loads(deployed.outcome(execution)["output"]) for execution in started]
    assert sum(output["started"] for output in outputs) == 1
    assert len(deployed.retrainings()) == 1


@pytest.mark.parametrize("only", [0, 1])
def test_one_alarm_alone_starts_nothing(only: int, deployed: Aws) -> None:
    quiet = [Value(names.DRIFTED_SHARE, 0.1), Value(names.MACRO_F1_DROP, 0.0)]
    deployed.publish([DRIFTED[only], quiet[1 - only]])
    assert deployed.respond() == {"started": False, "why": "not both alarms are raised"}
    assert deployed.retrainings() == []


def test_after_the_cooldown_drift_starts_the_next_retraining(deployed: Aws) -> None:
    deployed.publish(DRIFTED)
    deployed.respond()
    deployed.dynamodb.update_item(
        TableName=STAGE.physical("drift_response"),
        Key={"pk": {"S": "retrain"}},
        UpdateExpression="SET #until = :past",
        ExpressionAttributeNames={"#until": "until"},
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
    )
    assert deployed.respond()["started"] is True
    assert len(deployed.retrainings()) == 2


def test_a_retraining_that_cannot_be_started_gives_its_turn_back_and_tells(deployed: Aws) -> None:
    topic = f"arn:aws:sns:{STAGE.region}:{EMULATOR_ACCOUNT}:{STAGE.physical('alarms')}"
    notices = _listen(deployed, topic)
    deployed.states.delete_state_machine(stateMachineArn=MACHINES + STAGE.physical("retrain"))
    deployed.publish(DRIFTED)
    machine = MACHINES + STAGE.physical("drift_response")
    execution = deployed.states.start_execution(stateMachineArn=machine)["executionArn"]
    assert deployed.outcome(execution)["status"] == "FAILED"
    item = deployed.dynamodb.get_item(TableName=STAGE.physical("drift_response"), Key={"pk": {"S": "retrain"}})
    assert "Item" not in item
    _await_notice(deployed, notices, "champion-retrain-wanted")


def _listen(deployed: Aws, topic: str) -> str:
    queue: str = deployed.sqs.create_queue(QueueName="notices")["QueueUrl"]
    arn = deployed.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    deployed.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return queue


def _await_notice(deployed: Aws, queue: str, about: str) -> None:
    """Wait for a notice; others, of alarms that went off, come beside it."""

    def arrived() -> bool:
        answer = deployed.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
        return any(about in message["Body"] for message in answer.get("Messages", ()))

    wait_for(arrived, f"a notice about {about}")


def test_shifted_tweets_are_archived_reported_and_raise_both_alarms(deployed: Aws, tmp_path: Path) -> None:
    account = EMULATOR_ACCOUNT
    artefacts, archive = STAGE.bucket("artefacts", account), STAGE.bucket("archive", account)
    pointer = ChampionPointer(version="7", location=f"s3://{artefacts}/models/7", sha256="0" * 64)
    deployed.ssm.put_parameter(Name=STAGE.champion_parameter, Value=write_pointer(pointer), Overwrite=True)
    write_reference(tmp_path / REFERENCE_FILE, _reference())
    body = (tmp_path / REFERENCE_FILE).read_bytes()
    deployed.s3.put_object(Bucket=artefacts, Key=f"models/7/{REFERENCE_FILE}", Body=body)
    labels = _stream_shifted_tweets(deployed)
    deployed.s3.put_object(Bucket=archive, Key="labels/2026-11-23.csv", Body=labels)

    execution = deployed.states.start_execution(
        stateMachineArn=MACHINES + STAGE.physical("drift_report"), name="by_hand"
    )["executionArn"]
    job = _next_job(deployed)
    settings = read_settings(job["request"]["Environment"])
    clients = Clients(deployed.s3, deployed.ssm, deployed.cloudwatch)
    report = run(settings, clients, tmp_path / "ml")
    message = (tmp_path / "ml/output/message").read_text()
    deployed.states.send_task_success(taskToken=job["task_token"], output=json.dumps({"ExitMessage": message}))

    assert report.current.verdicts == 300
    assert report.current.text_missing == 0.0
    assert json.loads(deployed.outcome(execution)["output"])["verdicts"] == 300
    assert (
        "Tweets have drifted and the model has become worse"
        in (tmp_path / "ml/processing/output/latest/report.html").read_text()
    )
    assert deployed.respond()["started"] is True
    variables = {"stage": STAGE.name, "retrain": MACHINES + STAGE.physical("retrain")}
    queries = [query for board in ("model", "moderation") for query in panel_queries(board, variables)]
    ours = [query for query in queries if query.dimensions.get("service") == names.SERVICE]
    assert {query.metric for query in ours} == {metric.name for metric in names.METRICS}
    assert [query.panel for query in ours if not data_points(deployed.cloudwatch, query)] == []


def _reference() -> list[ReferenceVerdict]:
    chance = random.Random(1)
    words = ["morning", "coffee", "train", "school", "garden", "music", "football", "rain", "lunch", "friends"]
    return [
        ReferenceVerdict(
            " ".join(chance.choices(words, k=10)), label, label, min(1.0, chance.gauss(0.9, 0.03)), Decision.PASS
        )
        for label in chance.choices(LABELS, k=400)
    ]


def _stream_shifted_tweets(deployed: Aws) -> bytes:
    chance, now = random.Random(2), datetime.now(UTC)
    words = ["zorp", "glim", "frob", "quux", "blarg", "snark"]
    said = chance.choices(LABELS, k=300)
    streams = {
        TWEET_EVENTS: [tweet_line(f"t{n}", " ".join(chance.choices(words, k=20))) for n in range(300)],
        TWEET_CLASSIFICATION: [
            verdict_line(f"t{n}", now, label, confidence=chance.uniform(0.3, 0.6)) for n, label in enumerate(said)
        ],
    }
    for stream, records in streams.items():
        deployed.kinesis.put_records(
            StreamName=STAGE.physical(stream),
            Records=[{"Data": record, "PartitionKey": str(n)} for n, record in enumerate(records)],
        )
    true = [chance.choice(LABELS) for _ in said]
    return ("tweet_id,label\n" + "".join(f"t{n},{label}\n" for n, label in enumerate(true))).encode()


def _next_job(deployed: Aws) -> dict[str, Any]:
    queue = deployed.sqs.create_queue(QueueName=STAGE.jobs_queue)["QueueUrl"]
    jobs: list[dict[str, Any]] = []

    def arrived() -> bool:
        answer = deployed.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
        jobs.extend(json.loads(message["Body"]) for message in answer.get("Messages", ()))
        return bool(jobs)

    wait_for(arrived, "a job")
    return jobs[0]
