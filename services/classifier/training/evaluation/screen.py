"""What an evaluation shows: tables on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.classifier.training.evaluation import report
from services.classifier.training.evaluation.reading import Advance

WIDTH = 140
"""Columns where nobody's terminal says how many there are."""


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """A bar on a terminal, one line elsewhere; on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        tell(what)
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def tell(line: str) -> None:
    """To whoever runs this, beside the tables."""
    click.echo(line, err=True)


def show(tables: Iterator[report.Table]) -> None:
    """On standard output."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for table in tables:
        drawn = Table(title=table.title, title_justify="left", title_style="bold", min_width=len(table.title))
        for place, name in enumerate(table.head):
            drawn.add_column(name, justify="right" if place else "left", no_wrap=not place)
        for line in table.lines:
            drawn.add_row(*line)
        console.print(drawn)
