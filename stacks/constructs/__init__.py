"""Reusable pieces of the stacks."""
