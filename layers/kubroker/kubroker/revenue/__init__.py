"""What the broker earns: rebates, and the tags that prove it."""
