"""What the person who started a replay sees: a moving bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from services.ingest.replay.fault import ReplayError

PLAIN_INTERVAL = 5.0
"""Seconds between two lines of progress where there is no terminal."""
SHOWN_REJECTED = 20
"""Rejected rows that are shown; all of them go into the file of --rejected."""


class Totals(msgspec.Struct, kw_only=True):
    """Counts of a run as they grow."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0

    def __str__(self) -> str:
        return f"{self.accepted} accepted, {self.duplicates} duplicates, {self.rejected} rejected"


class Display(Protocol):
    """Where progress is shown."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def advance(self, share: float, totals: Totals) -> None:
        """`share` of the file, 0 to 1, is done."""

    def close(self) -> None:
        """The end of showing."""


class PlainDisplay:
    """Lines on standard error, not too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def say(self, line: str) -> None:
        click.echo(line, err=True)

    def advance(self, share: float, totals: Totals) -> None:
        if self._clock() - self._last >= PLAIN_INTERVAL:
            self._last = self._clock()
            self.say(f"{share:.0%}: {totals}")

    def close(self) -> None:
        return


class BarDisplay:
    """A bar on a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TaskProgressColumn(),
            BarColumn(),
            TextColumn("{task.fields[totals]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("replay", total=1.0, totals="")
        self._progress.start()

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False)

    def advance(self, share: float, totals: Totals) -> None:
        self._progress.update(self._task, completed=share, totals=str(totals))

    def close(self) -> None:
        self._progress.stop()


class RejectedFile:
    """Lines and reasons of all rejected rows as CSV, without their text; nowhere if `path` is None."""

    def __init__(self, path: Path | None, *, append: bool = False) -> None:
        """`append` for a replay that goes on. Raises ReplayError when the file cannot be written."""
        try:
            self._file = None if path is None else path.open("a" if append else "w", encoding="utf-8", newline="")
        except OSError as error:
            raise ReplayError(f"cannot write {path}: {error.strerror}") from error
        self._writer = None if self._file is None else csv.writer(self._file)
        if self._file is not None and self._file.tell() == 0:
            self.write("line", "reason")

    def __enter__(self) -> RejectedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: int | str, reason: str) -> None:
        """One row."""
        if self._writer is not None:
            self._writer.writerow([line, reason])
