"""Payments to the broker's payees, on withdrawals."""
