"""From a session to a connection: consent, callback, completion and their pages."""
