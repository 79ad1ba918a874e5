"""Sources as people read them at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.ingest.sources.instructions import Instructions
from services.ingest.sources.view import SourceView, Tested, Unreadable

WIDE = 200
"""Columns where the output is no terminal."""
COLOURS = {"working": "green", "waiting": "yellow", "failing": "red", "no_credentials": "red", "paused": "dim"}

INSTEAD = "; a person gets a link instead"


def console() -> Console:
    """Standard output, without guesses about what is a link or a number."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False, soft_wrap=True)


def list_table(views: Iterable[SourceView], unreadable: Iterable[Unreadable], now: datetime) -> Table:
    """One line a source."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "page", "way", "state", "last event", "lag", "acting", "why"):
        table.add_column(name, overflow="fold")
    for view in views:
        health = view.health
        table.add_row(
            view.id,
            view.page,
            view.way,
            Text(health.state, style=COLOURS[health.state]),
            since(health.last_event_at, now),
            "–" if health.lag_seconds is None else f"{health.lag_seconds:.0f} s",
            _doing(view.can) if view.acting else "dry run",
            health.why or "–",
        )
    for item in unreadable:
        table.add_row(item.id, "?", "?", Text("unreadable", style="red"), "–", "–", "–", item.why)
    return table


def source_table(view: SourceView, now: datetime) -> Table:
    """Everything about one source but its secrets."""
    health = view.health
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    error = health.error
    rows = {
        "id": view.id,
        "page": view.page,
        "group": view.group,
        "way": view.way,
        "hook": view.hook,
        "secrets": ", ".join(view.secrets_set) or "none",
        "acting": "on" if view.acting else "dry run: actions are only told",
        "can do": _doing(view.can, INSTEAD),
        "pace": f"{view.pace_seconds:g} s between two actions, {view.daily_ceiling} a day",
        "state": health.state + (f": {health.why}" if health.why else ""),
        "last event": since(health.last_event_at, now),
        "last answer": since(health.succeeded_at, now),
        "last error": None if error is None else f"{since(error.at, now)}: {error.kind}: {error.detail}",
        "forged": None
        if health.forged_at is None
        else f"calls with a wrong secret or none came, the last {since(health.forged_at, now)}",
        "added": f"{view.added_at:%Y-%m-%d %H:%M} by {view.added_by}",
        "changed": f"{view.changed_at:%Y-%m-%d %H:%M} by {view.changed_by}",
    }
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, value)
    return table


def tested_lines(tested: Tested) -> Iterable[str]:
    """What a test found, line by line."""
    if tested.error is not None:
        yield f"the platform refuses: {tested.error.kind}: {tested.error.detail}"
    if tested.rights is not None:
        rights = tested.rights
        if rights.name:
            yield f"name: {rights.name}"
        yield f"reads comments: {'yes' if rights.reads else 'no'}"
        yield f"can do: {_doing(rights.acts, INSTEAD)}"
        yield from (f"missing: {problem}" for problem in rights.problems)


def instruction_lines(told: Instructions) -> Iterable[str]:
    """What is left to do, in both languages."""
    for heading, steps in (("Осталось сделать:", told.ru), ("What is left to do:", told.en)):
        yield heading
        yield from (f"  {number}. {step}" for number, step in enumerate(steps, 1))
        yield ""


def _doing(kinds: Collection[str] | None, otherwise: str = "") -> str:
    """What is done, with `otherwise` behind it where that is nothing."""
    return "not known" if kinds is None else ", ".join(kinds) or f"nothing{otherwise}"


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the unit that fits."""
    if moment is None:
        return "–"
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
