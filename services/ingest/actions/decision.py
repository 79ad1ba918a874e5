"""What to do next about one action, from all that is known of it. Pure.

The rules stand in one table, first match first: what was told is told again; what may have been done is looked for;
what must not be done any more fails; what we cannot or may not do is handed to a person; the rest waits or begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from services.ingest.actions.entry import Known
from services.ingest.sources.source import Source
from shared.events import Action, ActionKind, OutcomeKind

MAY_BE_DONE = "It was begun, and it cannot be seen whether it was done: look under the comment before doing it by hand."

BROKE = "Something broke here while it was to be done"

_DO: Mapping[ActionKind, str] = {
    "reply": "reply under the comment by hand",
    "delete": "delete the comment by hand",
    "ban": "ban the author by hand",
    "close_comments": "close the post's comments by hand",
}


class Tell(msgspec.Struct, frozen=True, kw_only=True):
    """It is settled: publish the outcome that is recorded, again if need be."""


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """Record this outcome; nothing is asked of the platform."""

    result: OutcomeKind
    detail: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """It was begun and nobody is at it: ask the platform whether it was done."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Decide again at `until`."""

    until: datetime


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Take the page's turn, record it as begun, do it."""


Next = Tell | Settle | Look | Wait | Begin


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the decision rests on."""

    action: Action
    known: Known
    source: Source | None
    acts: tuple[ActionKind, ...] | None
    """What the source's credentials are there for; None where no connector acts on this platform."""
    ahead: int = 0
    """Actions on the page that wait here before this one."""
    now: datetime


def decide(at: Situation) -> Next:
    """What to do next: the first rule of RULES that holds."""
    for holds, then in RULES:
        if holds(at):
            return then(at)
    return Begin()


def by_hand(action: Action, why: str) -> str:
    """What a person is told: `why` it was not done, and what to do."""
    return f"{why}: {_DO[action.kind]}."


def ceiling_reached(at: Situation) -> bool:
    """Whether as many actions as the source allows were begun in 24 hours, or wait before this one to be."""
    return at.source is not None and at.known.begun_today + at.ahead >= at.source.daily_ceiling


def _person(why: str) -> Callable[[Situation], Next]:
    return lambda at: Settle(result="needs_person", detail=by_hand(at.action, why))


def _fails(why: str) -> Callable[[Situation], Next]:
    return lambda _: Settle(result="failed", detail=why)


def _too_late(at: Situation) -> Next:
    entry = at.known.entry
    last = f" The last attempt: {entry.detail}." if entry is not None and entry.detail else ""
    return Settle(
        result="failed", detail=f"Too late: it was not to be done after {at.action.not_after:%Y-%m-%d %H:%M %Z}.{last}"
    )


def _ceiling(at: Situation) -> Next:
    most = at.source.daily_ceiling if at.source is not None else 0
    why = f"{most} actions in 24 hours are the most that the page's source allows"
    return Settle(result="needs_person", detail=by_hand(at.action, why))


def _state(at: Situation) -> str | None:
    return None if at.known.entry is None else at.known.entry.state


def _free_at(at: Situation) -> datetime:
    entry = at.known.entry
    return entry.free_at if entry is not None and entry.free_at is not None else at.now


RULES: tuple[tuple[Callable[[Situation], bool], Callable[[Situation], Next]], ...] = (
    (lambda at: at.known.entry is not None and at.known.entry.settled, lambda _: Tell()),
    (lambda at: _state(at) == "begun" and _free_at(at) > at.now, lambda at: Wait(until=_free_at(at))),
    (
        lambda at: _state(at) == "begun" and (at.source is None or at.acts is None),
        lambda _: Settle(result="needs_person", detail=MAY_BE_DONE),
    ),
    (lambda at: _state(at) == "begun", lambda _: Look()),
    (lambda at: at.known.cancelled, _fails("It was cancelled before it was begun.")),
    (lambda at: at.now >= at.action.not_after, _too_late),
    (lambda at: at.acts is None, _person("Nothing can be done from here on this platform")),
    (lambda at: at.source is None, _person("The page has no source with credentials")),
    (lambda at: at.source is not None and not at.source.active, _person("The page's source is paused")),
    (
        lambda at: at.source is not None and not at.source.acting,
        _person("Nothing was done: acting is switched off for the page's source (dry run)"),
    ),
    (
        lambda at: at.acts is not None and at.action.kind not in at.acts,
        _person("No credential of the page's source can do this"),
    ),
    (ceiling_reached, _ceiling),
    (
        lambda at: _state(at) == "waiting" and _free_at(at) > at.now,
        lambda at: Wait(until=min(_free_at(at), at.action.not_after)),
    ),
)
"""Conditions with what follows from each. Where none holds, it begins."""
