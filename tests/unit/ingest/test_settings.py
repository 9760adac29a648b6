"""Settings: where they come from, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ingest.__main__ import main
from ingest.errors import SettingsError
from ingest.settings import Settings, load
from ingest.wiring import build

PAID = {"source": "x-stream", "daily_budget_usd": "5", "checkpoint_file": "state.json"}
TOKEN = {"X_BEARER_TOKEN": "very secret"}


def test_the_environment_sets_and_the_command_line_overrides() -> None:
    environment = {"SOURCE": "bluesky", "LANGUAGES": "en,pt", "LINGER_SECONDS": "2.5", "HOME": "/nowhere"}
    settings = load({"languages": "de"}, environment)
    assert (settings.source, settings.languages, settings.linger_seconds) == ("bluesky", "de", 2.5)


def test_empty_variables_are_not_set() -> None:
    assert load({}, {"SOURCE": "bluesky", "LANGUAGES": ""}).languages == "en"


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        ({}, {}, "source is missing: one of x-stream, x-search, bluesky, replay"),
        ({"source": "twitter"}, {}, "source"),
        ({"source": "bluesky", "linger_seconds": "soon"}, {}, "linger_seconds"),
        ({"source": "bluesky", "buffer_events": "0"}, {}, "buffer_events"),
        ({"source": "bluesky", "stream": "s"}, {}, "event_bus_name and event_source are needed"),
        ({"source": "bluesky", "checkpoint_file": "a", "checkpoint_table": "b"}, {}, "cannot both be set"),
        ({"source": "replay", "replay_file": "nowhere.csv"}, {}, "'nowhere.csv' is no file"),
        ({"source": "x-search"}, TOKEN, "daily_budget_usd must say"),
        (PAID, {}, "needs a token: set x_token_secret_arn or X_BEARER_TOKEN"),
        ({**PAID, "checkpoint_file": ""}, TOKEN, "does not forget the budget"),
    ],
)
def test_wrong_settings_are_named(options: dict[str, str], environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(options, environment)


def test_the_token_is_no_setting() -> None:
    settings = load(PAID, TOKEN)
    assert "very secret" not in repr(settings)
    assert "very secret" not in msgspec.json.encode(settings).decode()


def test_wrong_usage_ends_with_a_sentence_and_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE", raising=False)
    assert main([]) == 2
    assert "source is missing" in capsys.readouterr().err


def test_a_budget_that_buys_nothing_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("X_BEARER_TOKEN", "very secret")
    state = str(tmp_path / "state.json")
    arguments = ["--source", "x-stream", "--daily-budget-usd", "0.001", "--checkpoint-file", state]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "buys no read" in said
    assert "very secret" not in said


def test_a_machine_without_a_region_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    names = ["--stream", "s", "--event-bus-name", "b", "--event-source", "e"]
    assert main(["--source", "bluesky", *names]) == 2
    assert "AWS cannot be used from here: You must specify a region" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["x-stream", "x-search", "bluesky", "replay"])
def test_every_source_can_be_built(source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    rows = tmp_path / "rows.csv"
    rows.write_text("tweet_text\nhello\n")
    options = {
        "source": source,
        "stream": "s",
        "event_bus_name": "b",
        "event_source": "e",
        "checkpoint_table": "t",
        "replay_file": str(rows),
        **({"daily_budget_usd": "1", "x_token_secret_arn": "arn:secret"} if source.startswith("x") else {}),
    }
    service = build(load(options, {}))
    assert service.emitter is not None
    service.emitter.emit()


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    for field in msgspec.structs.fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in said


def test_health_is_told_by_the_exit_code(tmp_path: Path) -> None:
    beat = tmp_path / "health"
    assert main(["--check-health", str(beat)]) == 1
    beat.write_text("now")
    assert main(["--check-health", str(beat)]) == 0
