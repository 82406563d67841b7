"""What wakes functions without a request: queues, streams, schedules."""
