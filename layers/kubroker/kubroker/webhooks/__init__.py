"""The broker's own endpoint: where it may be, and how it is asked."""
