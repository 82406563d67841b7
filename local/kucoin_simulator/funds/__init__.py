"""Who has how much: the book behind all calls."""
