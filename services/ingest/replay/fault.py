"""What ends a replay."""

from __future__ import annotations


class ReplayError(Exception):
    """The replay cannot begin or go on; the message is one line for the person who started it."""
