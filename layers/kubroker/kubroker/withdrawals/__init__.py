"""Withdrawals that are never sent twice: rules, limits, claims, submission, tracking."""
