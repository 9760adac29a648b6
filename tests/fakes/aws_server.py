"""Kinesis and EventBridge on the loopback interface, as another process sees them: over HTTP, by AWS's JSON protocol.

``open_`` is the valve: while it is cleared, calls are taken in and not answered, as by a service that stalls.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_JSON = "application/x-amz-json-1.1"


@dataclass
class FakeAws:
    """Keeps what was put.

    Attributes:
        records: (partition key, data) of accepted records.
        events: entries of accepted events.
        refuse_every: every so many-th record that is put is refused, however many come in a call; 0 for none.
    """

    records: list[tuple[str, bytes]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    refuse_every: int = 0
    calls: int = 0
    put: int = 0
    open_: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    _port: int = 0

    async def __aenter__(self) -> FakeAws:
        self.open_.set()
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What leads a process here instead of to AWS."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.records]

    async def _serve(self, request: web.Request) -> web.Response:
        document = json.loads(await request.read())
        operation = request.headers["X-Amz-Target"].split(".")[-1]
        self.calls += 1
        await self.open_.wait()
        answer = self._put_records(document) if operation == "PutRecords" else self._put_events(document)
        return web.Response(body=json.dumps(answer).encode(), content_type=_JSON)

    def _put_records(self, document: dict[str, Any]) -> dict[str, Any]:
        self.sizes.append(len(document["Records"]))
        results: list[dict[str, str]] = []
        for record in document["Records"]:
            self.put += 1
            if self.refuse_every and self.put % self.refuse_every == 0:
                results.append({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"})
            else:
                self.records.append((record["PartitionKey"], base64.b64decode(record["Data"])))
                results.append({"SequenceNumber": str(len(self.records)), "ShardId": "shardId-000000000000"})
        return {"FailedRecordCount": sum("ErrorCode" in result for result in results), "Records": results}

    def _put_events(self, document: dict[str, Any]) -> dict[str, Any]:
        self.events.extend(document["Entries"])
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in document["Entries"]]}
