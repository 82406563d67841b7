"""AWS as functions and tools see it: services, faults, IAM."""
