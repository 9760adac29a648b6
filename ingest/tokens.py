"""The token of a paid API: from Secrets Manager or the environment, never in a log, never in a message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from ingest.clock import Clock
from ingest.errors import ConnectionLostError, NotReadyError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_BELIEVED_SECONDS: Final = 300.0


class TokenProvider(Protocol):
    """Knows the token."""

    async def token(self) -> str:
        """The token, now.

        Raises:
            NotReadyError: there is none yet.
            ConnectionLostError: it could not be fetched at the moment.
        """

    def forget(self) -> None:
        """The API refused the token: look again next time, it may have been replaced."""


class FixedToken:
    """A token from the environment."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        """Without the token."""
        return "FixedToken(...)"

    async def token(self) -> str:
        """The token."""
        return self._token

    def forget(self) -> None:
        """There is nowhere else to look."""


class SecretToken:
    """A token in Secrets Manager, as plain text or as JSON ``{"bearer_token": "..."}``. Believed for five minutes."""

    def __init__(self, client: SecretsManagerClient, arn: str, clock: Clock) -> None:
        self._client = client
        self._arn = arn
        self._clock = clock
        self._token: str | None = None
        self._until = 0.0

    def __repr__(self) -> str:
        """Without the token."""
        return f"SecretToken({self._arn})"

    async def token(self) -> str:
        """The token, now."""
        if self._token is None or self._clock.monotonic() >= self._until:
            self._token = await asyncio.to_thread(self._fetch)
            self._until = self._clock.monotonic() + _BELIEVED_SECONDS
        return self._token

    def forget(self) -> None:
        """Look again next time."""
        self._token = None

    def _fetch(self) -> str:
        try:
            secret = self._client.get_secret_value(SecretId=self._arn).get("SecretString", "")
        except self._client.exceptions.ResourceNotFoundException as error:
            raise NotReadyError("the token's secret has no value yet: put the app's bearer token into it") from error
        except (ClientError, BotoCoreError) as error:
            raise ConnectionLostError(f"the token's secret could not be read: {type(error).__name__}") from error
        token = _unwrap(secret).strip()
        if not token:
            raise NotReadyError("the token's secret holds no token: put the app's bearer token into it")
        return token


def _unwrap(secret: str) -> str:
    try:
        document = msgspec.json.decode(secret, type=dict[str, str])
    except msgspec.MsgspecError:
        return secret
    return document.get("bearer_token", "")
