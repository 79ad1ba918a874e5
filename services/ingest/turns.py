"""Turns that are given out one after another, so that thousands do not begin at once."""

from __future__ import annotations

import time


class Turns:
    """Never two within `apart` seconds of one another."""

    def __init__(self) -> None:
        self._next = 0.0

    def next(self, apart: float) -> float:
        """Seconds from now until the turn that comes next, which is the caller's."""
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + apart
        return turn - now
