"""The environment of the classify function."""

from __future__ import annotations

from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True):
    """Each field is an environment variable of the same name in capitals.

    Attributes:
        stage: the stage's name.
        classification_stream: name of the stream that verdicts are written to.
        champion_parameter: name of the parameter that holds the champion pointer.
        failed_records_bucket: name of the bucket where records that cannot be processed are kept.
        champion_refresh_seconds: how long the champion pointer is believed.
        trace_share: share of the tweets whose way is traced, 0 to 1; those that bring a trace with them not counted.
        explain: whether verdicts carry reasons.
        artefact_cache: writable folder for the model that serves. Empty means one below the folder for temporary files,
            which on Lambda is ``/tmp``, the only writable place.
    """

    stage: Text
    classification_stream: Text
    champion_parameter: Text
    failed_records_bucket: Text
    champion_refresh_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    trace_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    explain: bool = True
    artefact_cache: str = ""
