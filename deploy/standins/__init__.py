"""Stand-in platforms: test doubles that speak the platforms' protocols on the loopback, for tests and `make run`."""
