"""Signed calls that a policy lets through."""
