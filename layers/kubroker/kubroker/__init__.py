"""Kubroker: what its Lambda functions share. Imports go one way only, see docs/decisions.md."""
