"""Tweet sources: long-running readers that bring tweets from X, Bluesky or a file into the ``tweet_events`` stream.

A source turns an API into tweet events, each with a checkpoint; a pump carries them through filters and a bounded
buffer into Kinesis, and remembers a checkpoint only after everything before it has been delivered.
"""
