"""Events from the tables' streams, to the bus and to webhooks."""
