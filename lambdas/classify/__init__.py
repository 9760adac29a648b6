"""Tweets in, verdicts out: reads ``tweet_events``, writes ``tweet_classification``."""
