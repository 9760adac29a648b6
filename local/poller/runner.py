"""Reads shards and invokes functions, as the state machine of each shard says.

One thread per shard reads and hands out tasks; a pool of as many threads as the parallelization factor performs them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from local.poller.checkpoints import Checkpoints
from local.poller.destination import Destination
from local.poller.records import Mapping, Record, event_of
from local.poller.response import Failed, NotInvoked, Outcome, read_response
from local.poller.shard import BackOff, Discard, Invoke, Shard, Task

_log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 0.2
"""Between two reads of a shard that had nothing new. Lambda reads once a second; a person at a laptop waits."""

_RESHARD_SECONDS: Final = 5.0
_READ_LIMIT: Final = 2_000
_DESTINATION_TRIES: Final = 3


class NotInvokedError(Exception):
    """The function could not be called at all: throttled, or not there yet."""


@dataclass(frozen=True)
class Answer:
    """What came back from a function: its payload, and Lambda's ``FunctionError`` if it failed."""

    payload: bytes
    function_error: str | None = None


class Invoker(Protocol):
    """Calls functions."""

    def invoke(self, function_arn: str, payload: bytes) -> Answer:
        """Call a function and wait for it.

        Raises:
            NotInvokedError: the call did not reach the function.
        """


@dataclass
class Counts:
    """What a mapping has done so far."""

    records: int = 0
    bytes: int = 0
    invocations: int = 0
    failed_invocations: int = 0
    discarded: int = 0
    undelivered: int = 0


@dataclass(frozen=True)
class _Context:
    """What the shards of one mapping share."""

    mapping: Mapping
    kinesis: Any
    invoker: Invoker
    destination: Destination | None
    checkpoints: Checkpoints
    observe_age: Callable[[float], None]
    back_off: BackOff
    counts: Counts
    stopping: threading.Event


class MappingPoller:
    """Polls every shard of one mapping until it is stopped.

    Args:
        mapping: what to read and whom to call.
        kinesis: boto3's Kinesis client.
        invoker: calls the function.
        destination: keeps what is given up; without one it is dropped, as Lambda does.
        checkpoints: where to go on from, and where to say how far each shard got.
        observe_age: called with the age in seconds of the last record of each batch that is invoked (``IteratorAge``).
        back_off: waits between tries.
    """

    def __init__(
        self,
        mapping: Mapping,
        *,
        kinesis: Any,
        invoker: Invoker,
        destination: Destination | None,
        checkpoints: Checkpoints,
        observe_age: Callable[[float], None] | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        self.mapping = mapping
        self.counts = Counts()
        self._context = _Context(
            mapping=mapping,
            kinesis=kinesis,
            invoker=invoker,
            destination=destination,
            checkpoints=checkpoints,
            observe_age=observe_age or (lambda _age: None),
            back_off=back_off or BackOff(),
            counts=self.counts,
            stopping=threading.Event(),
        )
        self._workers: dict[str, _ShardWorker] = {}
        self._thread = threading.Thread(target=self._watch_shards, name=f"mapping-{mapping.function_name}", daemon=True)

    def start(self) -> None:
        """Begin to poll, and return."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading and wait for the invocations that are under way."""
        self._context.stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for worker in list(self._workers.values()):
            worker.join()

    @property
    def outstanding(self) -> int:
        """Records that were read and are not done with."""
        return sum(worker.outstanding for worker in list(self._workers.values()))

    @property
    def done(self) -> int:
        """Records that were read and are done with."""
        return self.counts.records - self.outstanding

    def checkpoint(self, shard_id: str) -> str | None:
        """The last sequence number of a shard up to which everything is done with, None if nothing is."""
        return self._context.checkpoints.of(self.mapping.uuid, shard_id)

    def _watch_shards(self) -> None:
        while not self._context.stopping.is_set():
            try:
                self._start_shards()
            except (ClientError, BotoCoreError) as error:
                _log.warning("cannot list the shards of %s: %s", self.mapping.stream_name, type(error).__name__)
            self._context.stopping.wait(_RESHARD_SECONDS if self._workers else 1.0)

    def _start_shards(self) -> None:
        shards = self._context.kinesis.list_shards(StreamName=self.mapping.stream_name)["Shards"]
        known = {shard["ShardId"] for shard in shards}
        for shard in shards:
            if shard["ShardId"] in self._workers:
                continue
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & known
            # A child is read after its parents, so that the order per key survives a resharding.
            if all(parent in self._workers and self._workers[parent].finished for parent in parents):
                worker = _ShardWorker(self._context, shard["ShardId"])
                self._workers[shard["ShardId"]] = worker
                worker.start()


class _ShardWorker(threading.Thread):
    def __init__(self, context: _Context, shard_id: str) -> None:
        super().__init__(name=f"shard-{context.mapping.function_name}-{shard_id[-4:]}", daemon=True)
        self.finished = False
        self._context = context
        self._mapping = context.mapping
        self._shard_id = shard_id
        self._state = Shard(shard_id, context.mapping, back_off=context.back_off)
        self._changed = threading.Condition()
        self._last_read = context.checkpoints.of(context.mapping.uuid, shard_id)
        self._iterator: str | None = None
        self._closed = False
        self._next_read = 0.0

    @property
    def outstanding(self) -> int:
        with self._changed:
            return self._state.outstanding

    def run(self) -> None:
        stopping = self._context.stopping
        with ThreadPoolExecutor(self._mapping.parallelization, thread_name_prefix=self.name) as pool:
            while not stopping.is_set() and not self.finished:
                with self._changed:
                    tasks = self._state.ready(time.time())
                    room = self._state.room
                for task in tasks:
                    pool.submit(self._perform, task)
                if room and not self._closed and time.monotonic() >= self._next_read:
                    self._read(min(room, _READ_LIMIT))
                self._rest()

    def _rest(self) -> None:
        """Sleep until there is something to do: a read, a retry, a window that closes, an outcome."""
        with self._changed:
            now = time.time()
            if self._closed and not self._state.outstanding:
                self.finished = True
                return
            waits = [1.0]
            if self._state.room and not self._closed:
                waits.append(self._next_read - time.monotonic())
            wake_at = self._state.wake_at(now)
            if wake_at is not None:
                waits.append(wake_at - now)
            if min(waits) > 0:
                self._changed.wait(min(waits))

    def _read(self, limit: int) -> None:
        try:
            if self._iterator is None:
                self._iterator = self._new_iterator()
            answer = self._context.kinesis.get_records(ShardIterator=self._iterator, Limit=limit)
        except self._context.kinesis.exceptions.ExpiredIteratorException:
            self._iterator = None
            return
        except (ClientError, BotoCoreError) as error:
            if not self._context.stopping.is_set():
                _log.warning(
                    "cannot read %s of %s: %s", self._shard_id, self._mapping.stream_name, type(error).__name__
                )
            self._next_read = time.monotonic() + 1.0
            return
        self._iterator = answer.get("NextShardIterator")
        self._closed = self._iterator is None
        records = [_record(described) for described in answer["Records"]]
        if not records:
            self._next_read = time.monotonic() + IDLE_SECONDS
            return
        self._last_read = records[-1].sequence
        with self._changed:
            self._context.counts.records += len(records)
            self._context.counts.bytes += sum(len(record.data) for record in records)
            self._state.accept(records, time.time())

    def _new_iterator(self) -> str:
        start: dict[str, Any] = {"ShardIteratorType": self._mapping.starting_position}
        if self._last_read is not None:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._last_read}
        elif self._mapping.starting_position == "AT_TIMESTAMP":
            start["Timestamp"] = self._mapping.starting_timestamp
        answer = self._context.kinesis.get_shard_iterator(
            StreamName=self._mapping.stream_name, ShardId=self._shard_id, **start
        )
        return str(answer["ShardIterator"])

    def _perform(self, task: Task) -> None:
        outcome: Outcome | None = None
        try:
            if isinstance(task, Discard):
                self._discard(task)
            else:
                outcome = self._invoke(task)
        except Exception:
            # A fault of ours must not stop the shard for ever: it is tried again like a call that never got through.
            _log.exception("a task of %s failed", self._shard_id)
            outcome = NotInvoked()
        with self._changed:
            self._state.resolve(task, outcome, time.time())
            checkpoint = self._state.checkpoint
            if checkpoint is not None:
                self._context.checkpoints.save(self._mapping.uuid, self._shard_id, checkpoint)
            self._changed.notify_all()

    def _invoke(self, task: Invoke) -> Outcome:
        records, counts = task.batch.records, self._context.counts
        self._context.observe_age(time.time() - records[-1].arrived_at)
        try:
            answer = self._context.invoker.invoke(
                self._mapping.function_arn, event_of(self._mapping, self._shard_id, records)
            )
        except NotInvokedError as error:
            _log.info("%s was not invoked: %s", self._mapping.function_name, error)
            return NotInvoked()
        counts.invocations += 1
        if answer.function_error is not None:
            counts.failed_invocations += 1
            return Failed(answer.function_error)
        return read_response(answer.payload, records, report_failures=self._mapping.report_failures)

    def _discard(self, task: Discard) -> None:
        counts, destination = self._context.counts, self._context.destination
        counts.discarded += len(task.batch.records)
        _log.warning(
            "%s gave up %d records of %s: %s",
            self._mapping.function_name,
            len(task.batch.records),
            self._shard_id,
            task.condition.value,
        )
        if destination is None:
            return
        for attempt in range(_DESTINATION_TRIES):
            try:
                destination.keep(self._mapping, self._shard_id, task.batch, task.condition, time.time())
            except (ClientError, BotoCoreError):
                _log.exception("the failure destination did not take a batch (try %d)", attempt + 1)
                time.sleep(0.2 * 2**attempt)
            else:
                return
        counts.undelivered += len(task.batch.records)


def _record(described: dict[str, Any]) -> Record:
    return Record(
        sequence=described["SequenceNumber"],
        partition_key=described["PartitionKey"],
        data=described["Data"],
        arrived_at=described["ApproximateArrivalTimestamp"].timestamp(),
    )
