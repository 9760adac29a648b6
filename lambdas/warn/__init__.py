"""Verdicts in, effects out: reads ``tweet_classification``, warns people and announces what was flagged or referred."""
