"""Kinesis event source mappings as Lambda documents them.

:mod:`~local.poller.shard` is the state machine of one shard: pure, with the time passed in.
:mod:`~local.poller.response` reads what a function answered, :mod:`~local.poller.records` holds the shapes of events,
:mod:`~local.poller.destination` keeps what was given up, :mod:`~local.poller.checkpoints` remembers how far each
shard got, and :mod:`~local.poller.runner` does the reading and invoking.

Sources: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams" and the pages
below it. The tests in ``tests/unit/local/test_poller_*.py`` quote the page of each rule.
"""
