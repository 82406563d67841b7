"""What everything stands on: errors, settings, observability, clock, amounts, cursors."""
