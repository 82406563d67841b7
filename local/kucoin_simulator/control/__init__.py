"""What tests and people change and see under /_sim."""
