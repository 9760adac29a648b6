"""A bounded memory of what was seen lately."""

from __future__ import annotations


class Window:
    """Remembers the last so many keys, and forgets the oldest first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: dict[str, None] = {}  # a dict keeps the order of insertion

    def __len__(self) -> int:
        """Keys remembered."""
        return len(self._keys)

    def seen(self, key: str) -> bool:
        """Whether the key was seen before; it has been, from now on."""
        if key in self._keys:
            return True
        self._keys[key] = None
        if len(self._keys) > self._size:
            del self._keys[next(iter(self._keys))]
        return False
