"""The environment of the warn function."""

from __future__ import annotations

from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True):
    """Each field is an environment variable of the same name in capitals.

    Attributes:
        stage: the stage's name; events of source ``cyberbullying.<stage>`` are announced.
        warnings_table: name of the table that remembers who was warned for what.
        notification_topic_arn: FIFO topic that warnings are published to.
        event_bus_name: bus that flagged and referred tweets are announced on.
        daily_warning_quota: warnings a day (UTC); what is beyond is held. 0 holds every one.
        failed_records_bucket: name of the bucket where records that cannot be processed are kept.
    """

    stage: Text
    warnings_table: Text
    notification_topic_arn: Annotated[str, msgspec.Meta(pattern=r"^arn:.+:sns:.+\.fifo$")]
    event_bus_name: Text
    daily_warning_quota: Annotated[int, msgspec.Meta(ge=0)]
    failed_records_bucket: Text
