"""Tests, by kind. A package, because a dependency installs a top-level package of the same name."""
