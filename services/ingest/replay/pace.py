"""When each comment is due, and which time it is given. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from services.ingest.replay.fault import ReplayError


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """At most one of the two is set; neither means as fast as ingest takes them."""

    rate: float | None = None
    """Comments a second."""
    factor: float | None = None
    """How much faster than the comments were written."""


def parse_pace(rate: float | None, speed: str) -> Pace:
    """From `--rate N` and `--speed max|original|×N` (also xN); raises ReplayError."""
    if rate is not None:
        if speed != "max":
            raise ReplayError("give either --rate or --speed, not both")
        if not 0 < rate < float("inf"):
            raise ReplayError("--rate: must be more than 0 comments a second; without it there is no limit")
        return Pace(rate=rate)
    if speed == "max":
        return Pace()
    if speed == "original":
        return Pace(factor=1.0)
    try:
        factor = float(speed.lstrip("×xXхХ"))  # the last two are Cyrillic
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ReplayError(f"--speed {speed}: must be max, original or ×N, as in ×60")
    return Pace(factor=factor)


class Schedule:
    """Says for each comment in turn how many seconds after the start it is due; never earlier than the one before."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._count = 0
        self._first: datetime | None = None
        self._due = 0.0

    def due(self, posted_at: datetime | None) -> float:
        """The next comment's; one without a time is due with its predecessor."""
        if self._pace.rate is not None:
            self._due = self._count / self._pace.rate
            self._count += 1
        elif self._pace.factor is not None and posted_at is not None:
            self._first = self._first or posted_at
            self._due = max(self._due, (posted_at - self._first).total_seconds() / self._pace.factor)
        return self._due


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Moves times: `anchor` becomes `now`, distances shrink by `factor`."""

    anchor: datetime
    now: datetime
    factor: float = 1.0

    def apply(self, moment: datetime) -> datetime:
        """The moved time; raises ValueError where no calendar has it (a very small factor stretches years to ages)."""
        try:
            return self.now + timedelta(seconds=(moment - self.anchor).total_seconds() / self.factor)
        except OverflowError as error:
            raise ValueError("posted_at: moved by --shift-to-now it lies outside of the calendar") from error
