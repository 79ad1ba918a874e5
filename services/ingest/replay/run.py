"""A replay from its first row to its last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from itertools import islice

import msgspec

from services.ingest.replay.client import Answer
from services.ingest.replay.columns import Plan, to_submission
from services.ingest.replay.fault import ReplayError
from services.ingest.replay.journal import Journal
from services.ingest.replay.pace import Pace, Schedule, Shift
from services.ingest.replay.report import SHOWN_REJECTED, Display, RejectedFile, Totals
from services.ingest.replay.rows import Row, RowFile
from shared.clock import Clock

MAX_BATCH = 500
"""Rows posted together."""
TOGETHER = 0.1
"""Seconds: rows due this close to one another may go together."""

Post = Callable[[list[dict[str, object]]], Answer]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be replayed, and how."""

    file: RowFile
    plan: Plan
    zone: tzinfo
    date_format: str | None = None
    pace: Pace = Pace()
    shift_to_now: bool = False
    limit: int | None = None
    """Rows at most, those passed over included."""


class Replay:
    """Sends a task's rows in their order, in batches, remembering after each how far it came."""

    def __init__(
        self,
        task: Task,
        *,
        post: Post,
        journal: Journal,
        display: Display,
        rejected: RejectedFile,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._task = task
        self._post = post
        self._journal = journal
        self._display = display
        self._rejected = rejected
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._totals = Totals()
        self._began = monotonic()

    def run(self, skip: int) -> Totals:
        """Passes over the first `skip` rows and sends the rest; raises ReplayError when it cannot go on."""
        task = self._task
        schedule = Schedule(task.pace)
        shift = self._shift(skip)
        self._began = self._monotonic()
        done, due = skip, 0.0
        batch: list[tuple[int, dict[str, object]]] = []
        for row in self._rows(skip):
            submission, moment = self._read(row, shift)
            if submission is not None:
                at = schedule.due(moment)
                if batch and (len(batch) >= MAX_BATCH or at > due + TOGETHER):
                    self._send(batch, due)
                    self._journal.note(done)
                    batch = []
                if not batch:
                    due = at
                batch.append((row.line, submission))
            done += 1
            self._totals.rows += 1
        if batch:
            self._send(batch, due)
        self._journal.note(done)
        return self._totals

    def _rows(self, skip: int) -> Iterator[Row]:
        return islice(self._task.file.rows(), skip, self._task.limit)

    def _read(self, row: Row, shift: Shift | None) -> tuple[dict[str, object] | None, datetime | None]:
        """What is sent for the row, None where it is rejected, and the time at which its comment was written."""
        if row.values is None:
            self._reject(row.line, row.error)
            return None, None
        try:
            submission = to_submission(self._task.plan, row.values, row.line, self._task.zone, self._task.date_format)
            moment = submission.get("posted_at")
            if not isinstance(moment, datetime):
                return submission, None
            if shift is not None:
                submission["posted_at"] = shift.apply(moment)
        except ValueError as error:
            self._reject(row.line, str(error))
            return None, None
        return submission, moment

    def _send(self, batch: list[tuple[int, dict[str, object]]], due: float) -> None:
        wait = self._began + due - self._monotonic()
        if wait > 0:
            self._sleep(wait)
        answer = self._post([submission for _, submission in batch])
        self._totals.accepted += answer.accepted
        self._totals.duplicates += answer.duplicates
        for rejected in answer.rejected:
            self._reject(batch[rejected.index][0], rejected.error)
        self._display.advance(self._task.file.share_read, self._totals)

    def _reject(self, line: int, reason: str) -> None:
        self._totals.rejected += 1
        self._rejected.write(line, reason)
        if self._totals.rejected <= SHOWN_REJECTED:
            self._display.say(f"line {line} rejected: {reason}")
        elif self._totals.rejected == SHOWN_REJECTED + 1:
            self._display.say("more rows are rejected; --rejected FILE lists them all")

    def _shift(self, skip: int) -> Shift | None:
        """With a speed of its own the first comment is now, else the last."""
        if not self._task.shift_to_now:
            return None
        factor = self._task.pace.factor
        times: list[datetime] = []
        for row in self._rows(skip):
            moment = self._moment(row)
            if moment is None:
                continue
            if factor is not None:
                return Shift(anchor=moment, now=self._clock(), factor=factor)
            times = [max([moment, *times])]
        if next(self._rows(skip), None) is None:
            return None  # all of it was acknowledged in an earlier run
        if not times:
            raise ReplayError("--shift-to-now: no row has a time")
        return Shift(anchor=times[0], now=self._clock())

    def _moment(self, row: Row) -> datetime | None:
        task = self._task
        try:
            read = to_submission(task.plan, row.values or {}, row.line, task.zone, task.date_format)
        except ValueError:
            return None
        moment = read.get("posted_at")
        return moment if isinstance(moment, datetime) else None
