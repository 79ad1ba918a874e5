"""Measurements of the running system; `make bench`. Nothing here asserts: it prints what it saw."""
