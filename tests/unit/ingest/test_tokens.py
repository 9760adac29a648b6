"""Where tokens come from, and where they never go."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ingest.errors import ConnectionLostError, NotReadyError
from ingest.tokens import FixedToken, SecretToken
from tests.fakes.aws import client_error
from tests.fakes.ingest import FakeTime, run


class NotFoundError(ClientError):
    pass


class FakeSecrets:
    class exceptions:  # noqa: N801 - botocore's name
        ResourceNotFoundException = NotFoundError

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"SecretString": answer}


def secret(*answers: str | Exception) -> tuple[SecretToken, FakeSecrets, FakeTime]:
    client: Any = FakeSecrets(*answers)
    time = FakeTime()
    return SecretToken(client, "arn:secret", time), client, time


@pytest.mark.parametrize("value", ["the-token", " the-token\n", '{"bearer_token": "the-token"}'])
def test_a_secret_is_plain_or_json(value: str) -> None:
    assert run(secret(value)[0].token()) == "the-token"


def test_a_secret_is_believed_for_five_minutes() -> None:
    tokens, client, time = secret("old", "new")
    assert [run(tokens.token()), run(tokens.token())] == ["old", "old"]
    time.unix += 300
    assert run(tokens.token()) == "new"
    assert client.calls == 2


def test_a_refused_token_is_looked_up_again_at_once() -> None:
    tokens, _, _ = secret("old", "new")
    run(tokens.token())
    tokens.forget()
    assert run(tokens.token()) == "new"


@pytest.mark.parametrize(
    "value", ["", '{"another": "thing"}', client_error("ResourceNotFoundException", kind=NotFoundError)]
)
def test_a_secret_without_a_token_is_waited_for(value: str | Exception) -> None:
    with pytest.raises(NotReadyError, match="put the app's bearer token into it"):
        run(secret(value)[0].token())


@pytest.mark.parametrize(
    "fault", [client_error("InternalServiceError"), EndpointConnectionError(endpoint_url="https://nowhere")]
)
def test_a_fault_of_the_service_passes(fault: Exception) -> None:
    with pytest.raises(ConnectionLostError):
        run(secret(fault)[0].token())


def test_tokens_show_themselves_to_nobody() -> None:
    tokens, _, _ = secret("the-token")
    run(tokens.token())
    assert "the-token" not in f"{tokens!r} {FixedToken('the-token')!r}"
