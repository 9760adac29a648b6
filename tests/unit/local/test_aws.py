"""Clients of the emulator, asked for by several threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.aws import Clients


def test_threads_that_ask_together_share_one_client_of_each_service(monkeypatch: pytest.MonkeyPatch) -> None:
    clients, together, made = Clients("http://127.0.0.1:9"), threading.Barrier(4), list[str]()
    busy = threading.Lock()

    def create_client(service: str, **_: Any) -> object:
        assert busy.acquire(blocking=False), "a session makes one client at a time"
        made.append(service)
        threading.Event().wait(0.05)  # long enough for the others to come
        busy.release()
        return object()

    def ask(service: str) -> object:
        together.wait()
        return clients[service]

    monkeypatch.setattr(clients._session, "create_client", create_client)
    with ThreadPoolExecutor(4) as pool:
        one, other, *_ = pool.map(ask, ["sqs", "sqs", "s3", "s3"])
    assert one is other
    assert sorted(made) == ["s3", "sqs"]
