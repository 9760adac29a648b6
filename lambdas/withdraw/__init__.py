"""Withdrawals in, traces of tweets out: forgets what is kept of tweets that were deleted, edited or taken down."""
