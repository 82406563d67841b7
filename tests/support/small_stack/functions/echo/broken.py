"""A function that can't be loaded."""

raise RuntimeError("broken on purpose")
