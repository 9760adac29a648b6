"""Settings from the environment: everything that is wrong is said at once."""

from __future__ import annotations

import pytest

from lambdas.classify.settings import Settings as ClassifySettings
from lambdas.common.settings import SettingsError, environment_keys, read_settings
from lambdas.warn.settings import Settings as WarnSettings
from lambdas.withdraw.settings import Settings as WithdrawSettings

CLASSIFY = {
    "STAGE": "dev",
    "CLASSIFICATION_STREAM": "verdicts",
    "CHAMPION_PARAMETER": "/champion",
    "FAILED_RECORDS_BUCKET": "failed",
}
WARN = {
    "STAGE": "dev",
    "WARNINGS_TABLE": "warnings",
    "NOTIFICATION_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:warnings.fifo",
    "EVENT_BUS_NAME": "bus",
    "DAILY_WARNING_QUOTA": "500",
    "FAILED_RECORDS_BUCKET": "failed",
}

WITHDRAW = {
    "STAGE": "dev",
    "WARNINGS_TABLE": "warnings",
    "AUTHOR_INDEX": "author",
    "ARCHIVE_BUCKET": "archive",
    "DATA_BUCKET": "data",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/111122223333/dead",
}


def test_values_are_converted_and_optional_ones_have_defaults() -> None:
    settings = read_settings(ClassifySettings, CLASSIFY | {"EXPLAIN": "false", "PATH": "/bin"})
    assert settings.explain is False
    assert settings.champion_refresh_seconds == 60.0
    assert read_settings(WarnSettings, WARN).daily_warning_quota == 500


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError) as failure:
        read_settings(ClassifySettings, {})
    assert all(f"{key}: is not set" in str(failure.value) for key in CLASSIFY)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DAILY_WARNING_QUOTA", "many"),
        ("DAILY_WARNING_QUOTA", "-1"),
        ("NOTIFICATION_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:not-first-in-first-out"),
        ("WARNINGS_TABLE", ""),
    ],
)
def test_a_value_of_the_wrong_form_is_named_with_what_it_should_be(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{key}: Expected"):
        read_settings(WarnSettings, WARN | {key: value})


@pytest.mark.parametrize("share", ["-0.1", "1.5", "some"])
def test_a_share_is_between_nothing_and_everything(share: str) -> None:
    with pytest.raises(SettingsError, match="TRACE_SHARE: Expected"):
        read_settings(ClassifySettings, CLASSIFY | {"TRACE_SHARE": share})


def test_several_problems_come_in_one_message() -> None:
    with pytest.raises(SettingsError, match=r"STAGE: is not set; .*EXPLAIN: Expected"):
        read_settings(
            ClassifySettings, {key: value for key, value in CLASSIFY.items() if key != "STAGE"} | {"EXPLAIN": "?"}
        )


def test_keys_of_the_environment_are_the_fields_in_capitals() -> None:
    assert set(environment_keys(WarnSettings)) == set(WARN)
    assert set(environment_keys(WithdrawSettings)) == set(WITHDRAW)
    assert set(environment_keys(ClassifySettings)) == {
        *CLASSIFY, "CHAMPION_REFRESH_SECONDS", "TRACE_SHARE", "EXPLAIN", "ARTEFACT_CACHE",
    }  # fmt: skip
