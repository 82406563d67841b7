"""What an operator looks up: search and its answers."""
