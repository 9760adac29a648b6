"""The environment of the withdraw function."""

from __future__ import annotations

from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True):
    """Each field is an environment variable of the same name in capitals.

    Attributes:
        stage: the stage's name.
        warnings_table: name of the table that remembers who was warned for what.
        author_index: name of its index by author.
        archive_bucket: name of the bucket that holds the archive of both streams.
        data_bucket: name of the bucket that holds labelled tweets.
        dead_letter_queue_url: queue for what can never be processed.
    """

    stage: Text
    warnings_table: Text
    author_index: Text
    archive_bucket: Text
    data_bucket: Text
    dead_letter_queue_url: Text
