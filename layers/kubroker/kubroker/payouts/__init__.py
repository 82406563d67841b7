"""Deposit addresses, one and many."""
