"""The composition root: which stacks there are, for which stage."""
