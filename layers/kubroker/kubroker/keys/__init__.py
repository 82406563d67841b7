"""API keys: made with the permissions that the user chose, checked every day."""
