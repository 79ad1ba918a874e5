"""Stand-in platforms: test doubles that speak a platform's wire protocol, for tests and for `make run`.

They hold everything in memory, listen on 127.0.0.1 only, and can be told to repeat, delay, refuse and lose.
"""
