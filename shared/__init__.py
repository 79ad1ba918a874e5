"""What the three services agree on: events, the bus, keys, settings, and nothing that belongs to one of them."""
