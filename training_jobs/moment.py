"""The moment that a manifest bears."""

from __future__ import annotations

import os
from datetime import UTC, datetime


def manifest_moment() -> datetime:
    """Now; or what ``SOURCE_DATE_EPOCH`` says (seconds since 1970), which makes an artefact reproducible."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
