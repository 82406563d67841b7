"""Pure rules and states: no I/O, clock, randomness or environment."""
