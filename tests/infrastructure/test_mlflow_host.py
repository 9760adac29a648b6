"""The MLflow server's start: what it is told, what nobody can see, and that a new password counts."""

from __future__ import annotations

import configparser
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infrastructure.templates import Json, flat, resources
from tracking.serve import Settings, SettingsError, database_uri, synchronise_administrator

HOST = Path(__file__).parents[2] / "tracking" / "host"
DATABASE = {"username": "mlflow", "password": "p%4/@:x", "host": "db.internal", "port": 5432, "dbname": "mlflow"}
ENVIRONMENT = {
    "MLFLOW_CREDENTIALS": json.dumps({"username": "admin", "password": "0123456789abcdef"}),
    "DATABASE_CREDENTIALS": json.dumps(DATABASE),
    "ARTEFACTS": "s3://bucket/mlflow",
    "ALLOWED_HOSTS": "mlflow.internal:5000,localhost:5000",
}


def test_command_line_holds_no_secret() -> None:
    command = " ".join(Settings.from_environment(ENVIRONMENT).command())
    assert "basic-auth" in command
    assert "s3://bucket/mlflow" in command
    assert "0123456789abcdef" not in command
    assert "db.internal" not in command


def test_passwords_survive_every_quoting() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.database_uri == "postgresql://mlflow:p%254%2F%40%3Ax@db.internal:5432/mlflow?sslmode=require"
    config = configparser.ConfigParser()
    config.read_string(settings.auth_config())
    assert config["mlflow"]["database_uri"] == settings.database_uri
    assert config["mlflow"]["default_permission"] == "NO_PERMISSIONS"


def test_sessions_outlive_a_restart_but_not_a_new_password() -> None:
    first = Settings.from_environment(ENVIRONMENT).environment(Path("a"))
    again = Settings.from_environment(ENVIRONMENT).environment(Path("b"))
    changed = ENVIRONMENT | {"MLFLOW_CREDENTIALS": json.dumps({"username": "admin", "password": "another"})}
    other = Settings.from_environment(changed).environment(Path("a"))
    key = "MLFLOW_FLASK_SERVER_SECRET_KEY"
    assert first[key] == again[key] != other[key]
    assert "0123456789abcdef" not in first[key]


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("secret", "is not JSON"),
        ('{"username": "secret"}', "lacks password"),
        ('["secret"]', "lacks username, password"),
    ],
)
def test_what_makes_no_sense_is_said_without_its_value(value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        Settings.from_environment(ENVIRONMENT | {"MLFLOW_CREDENTIALS": value})
    assert "secret" not in str(error.value)


def test_a_new_password_is_taken_up(tmp_path: Path) -> None:
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    uri = f"sqlite:///{tmp_path / 'users.db'}"
    assert not synchronise_administrator(uri, "admin", "first-password"), "MLflow makes the first administrator itself"
    store = SqlAlchemyStore()
    store.init_db(uri)  # type: ignore[no-untyped-call, unused-ignore]
    store.create_user("admin", "first-password", is_admin=True)
    assert not synchronise_administrator(uri, "admin", "first-password")
    assert synchronise_administrator(uri, "admin", "second-password")
    assert store.authenticate_user("admin", "second-password")
    assert not store.authenticate_user("admin", "first-password")


@pytest.mark.parametrize("answers", [["bad"] * 4, ["bad", "bad", "bad", "bad", "good", "bad"], ["bad"] * 5])
def test_the_instance_ends_itself_after_five_bad_answers_in_a_row(answers: list[str], tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    fakes = {"curl": f'test "$(cat {tmp_path}/answer)" = good', "systemctl": f"echo $* >>{tmp_path}/ended"}
    for name, body in fakes.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    script = tmp_path / "check"
    script.write_text((HOST / "check").read_text().replace("/run/", f"{tmp_path}/"))
    for answer in answers:
        (tmp_path / "answer").write_text(answer)
        done = subprocess.run(
            ["bash", script], env={"PATH": f"{tools}:/usr/bin:/bin"}, capture_output=True, check=False
        )
        assert done.returncode == 0
    assert (tmp_path / "ended").exists() is (answers == ["bad"] * 5)


def test_secrets_are_fetched_into_memory_alone(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "docker").write_text("#!/bin/sh\nexit 0\n")
    answer = """case "$*" in *"--secret-id one "*) echo '{"a": "b c"}';; *) echo "{}";; esac"""
    (tools / "aws").write_text(f"#!/bin/sh\n{answer}\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    script = tmp_path / "fetch"
    script.write_text((HOST / "fetch").read_text().replace("/run/mlflow/", f"{tmp_path}/"))
    environment = {
        "PATH": f"{tools}:/usr/bin:/bin",
        "IMAGE": "registry/mlflow:1",
        "MLFLOW_SECRET_ARN": "one",
        "DATABASE_SECRET_ARN": "two",
        "ARTEFACTS": "s3://b/mlflow",
        "ALLOWED_HOSTS": "h:5000",
        "AWS_REGION": "eu-west-1",
    }
    subprocess.run(["bash", script], env=environment, check=True)
    written = tmp_path / "server.env"
    assert written.stat().st_mode & 0o077 == 0
    assert written.read_text().splitlines()[:3] == [
        'MLFLOW_CREDENTIALS={"a": "b c"}', "DATABASE_CREDENTIALS={}", "ARTEFACTS=s3://b/mlflow",
    ]  # fmt: skip


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_cloud_init_gets_all_that_the_unit_and_scripts_read(
    stage: str, templates_of: Callable[[str], dict[str, Json]]
) -> None:
    ((_, template),) = resources(templates_of(stage), "AWS::EC2::LaunchTemplate")
    text = flat(template["Properties"]["LaunchTemplateData"]["UserData"])
    assert text.startswith("#cloud-config\n")
    assert len(text) < 16_384, "the limit of user data"
    config = json.loads(text.removeprefix("#cloud-config\n"))
    files = {item["path"]: item for item in config["write_files"]}
    assert {"/etc/systemd/system/mlflow.service", "/opt/mlflow/fetch", "/opt/mlflow/check"} <= files.keys()
    given = {line.partition("=")[0] for line in files["/etc/mlflow/host.env"]["content"].splitlines()}
    assert given == {"AWS_REGION", "AWS_DEFAULT_REGION", "IMAGE", "LOG_GROUP", "ARTEFACTS", "ALLOWED_HOSTS",
                     "MLFLOW_SECRET_ARN", "DATABASE_SECRET_ARN"}  # fmt: skip


def test_the_server_is_called_by_a_name_that_it_answers_to() -> None:
    from cdk_app.stages import stage_config

    assert stage_config("dev").mlflow_host == "mlflow.cyberbullying-dev.internal"


def test_database_address_encrypts_the_way() -> None:
    assert database_uri({key: str(value) for key, value in DATABASE.items()}).endswith("?sslmode=require")
