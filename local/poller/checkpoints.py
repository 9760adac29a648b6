"""How far each shard of each mapping got, on disk, so that a poller that starts again goes on where it was."""

from __future__ import annotations

import json
import threading
from pathlib import Path


class Checkpoints:
    """Sequence numbers by mapping and shard, in one JSON file that is replaced whole.

    Args:
        path: of the file; it need not exist. A damaged one raises ``ValueError``: to guess would lose records.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._values: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, mapping: str, shard_id: str) -> str | None:
        """The last sequence number that is done with, None if there is none."""
        with self._lock:
            return self._values.get(mapping, {}).get(shard_id)

    def save(self, mapping: str, shard_id: str, sequence: str) -> None:
        """Remember a sequence number."""
        with self._lock:
            shards = self._values.setdefault(mapping, {})
            if shards.get(shard_id) == sequence:
                return
            shards[shard_id] = sequence
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".new")
            beside.write_text(json.dumps(self._values))
            beside.replace(self._path)
