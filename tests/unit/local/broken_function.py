"""A function that cannot be initialised."""

raise RuntimeError("cannot start")
