"""The functions as deployed, held against the code that they run."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from cdk_app.images import LAMBDAS, ROOT
from cdk_app.stages import stage_config
from lambdas.classify.settings import Settings as ClassifySettings
from lambdas.common.settings import environment_keys, read_settings
from lambdas.warn.settings import Settings as WarnSettings
from lambdas.withdraw.events import DETAIL_TYPES
from lambdas.withdraw.settings import Settings as WithdrawSettings
from lambdas.withdraw.stores import ARCHIVE_PREFIX, LABELLED_PREFIX
from moderation.champion import read_pointer
from moderation.errors import NoChampionError
from stacks.constructs import withdrawals
from stacks.storage import NO_CHAMPION, WITHDRAWN_ARCHIVE, WITHDRAWN_LABELLED
from tests.infrastructure.templates import STAGES, Json, flat, resources

Templates = Callable[[str], dict[str, Json]]
SETTINGS: dict[str, type[msgspec.Struct]] = {
    "classify": ClassifySettings,
    "warn": WarnSettings,
    "withdraw": WithdrawSettings,
}
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}


def function(templates: dict[str, Json], stage: str, name: str) -> Json:
    for _, resource in resources(templates, "AWS::Lambda::Function"):
        if resource["Properties"].get("FunctionName") == stage_config(stage).physical(name):
            return dict(resource["Properties"])
    raise LookupError(name)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("stage", STAGES)
def test_environment_is_what_the_function_reads(stage: str, name: str, templates_of: Templates) -> None:
    variables = function(templates_of(stage), stage, name)["Environment"]["Variables"]
    own = variables.keys() - POWERTOOLS
    assert own <= set(environment_keys(SETTINGS[name]))
    assert variables.keys() >= POWERTOOLS
    readable = {
        key: "arn:aws:sns:us-east-1:000000000000:warnings.fifo" if key == "NOTIFICATION_TOPIC_ARN" else flat(value)
        for key, value in variables.items()
    }
    read_settings(SETTINGS[name], readable)


@pytest.mark.parametrize("name", SETTINGS)
def test_metrics_are_those_that_alarms_look_at(name: str, templates_of: Templates) -> None:
    variables = function(templates_of("prod"), "prod", name)["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == name
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Cyberbullying"


@pytest.mark.parametrize("name", SETTINGS)
def test_image_command_is_a_handler_that_exists(name: str, templates_of: Templates) -> None:
    properties = function(templates_of("dev"), "dev", name)
    (command,) = properties["ImageConfig"]["Command"]
    module, _, attribute = command.rpartition(".")
    assert attribute == "handler"
    assert "def handler(" in (ROOT / f"{module.replace('.', '/')}.py").read_text()
    assert flat(properties["Code"]["ImageUri"]).endswith(f":{LAMBDAS.tag()}")


@pytest.mark.parametrize("stage", STAGES)
def test_functions_have_the_size_of_their_stage_and_are_traced(stage: str, templates_of: Templates) -> None:
    config = stage_config(stage)
    for name, settings in (("classify", config.classify), ("warn", config.warn), ("withdraw", config.withdraw)):
        properties = function(templates_of(stage), stage, name)
        assert properties["MemorySize"] == settings.memory_mb
        assert properties["Timeout"] == settings.timeout_seconds
        assert properties.get("ReservedConcurrentExecutions") == settings.concurrency
        assert properties["TracingConfig"] == {"Mode": "Active"}


def test_mappings_invoke_the_alias(templates_of: Templates) -> None:
    aliases = {name.split("/")[1] for name, _ in resources(templates_of("dev"), "AWS::Lambda::Alias")}
    for _, mapping in resources(templates_of("dev"), "AWS::Lambda::EventSourceMapping"):
        assert flat(mapping["Properties"]["FunctionName"]).strip("${}") in aliases


@pytest.mark.parametrize("stage", STAGES)
def test_withdrawals_come_from_the_stages_bus_and_wait_for_the_function(stage: str, templates_of: Templates) -> None:
    streaming = {"streaming": templates_of(stage)["streaming"]}
    ((_, rule),) = resources(streaming, "AWS::Events::Rule")
    pattern = rule["Properties"]["EventPattern"]
    assert pattern == {"source": [f"cyberbullying.{stage}"], "detail-type": list(DETAIL_TYPES)}
    (target,) = rule["Properties"]["Targets"]
    assert "DeadLetterConfig" in target
    queues = {flat(queue["Properties"]["QueueName"]): queue for _, queue in resources(streaming, "AWS::SQS::Queue")}
    waiting = queues[f"cyberbullying_{stage}_withdrawals"]["Properties"]
    timeout = function(streaming, stage, "withdraw")["Timeout"]
    assert waiting["VisibilityTimeout"] == 6 * timeout
    assert waiting["RedrivePolicy"]["maxReceiveCount"] >= 3
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())


def test_both_sides_agree_on_names() -> None:
    assert withdrawals.DETAIL_TYPES == DETAIL_TYPES
    assert (WITHDRAWN_ARCHIVE, WITHDRAWN_LABELLED) == (ARCHIVE_PREFIX, LABELLED_PREFIX)


def test_the_first_pointer_says_that_there_is_no_champion() -> None:
    with pytest.raises(NoChampionError):
        read_pointer(NO_CHAMPION)
