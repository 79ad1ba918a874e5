"""What follows from what a platform said to an attempt, or to a look whether an earlier one had come through. Pure."""

from __future__ import annotations

import msgspec

from services.ingest.actions.decision import MAY_BE_DONE, Settle, by_hand
from services.ingest.connectors.failure import BadCredential, Gone, NotAllowed, NotSent, PageMoved, Refused, Unclear
from shared.events import Action

PAUSES = (5.0, 15.0, 60.0, 180.0, 600.0)
"""Seconds between attempts; the last one repeats until the action's `not_after`."""
SETTLING_SECONDS = 15.0
"""After a call without a clear answer, until looking makes sense: the platform may still be at it."""


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """Surely nothing was done: try again in `seconds`. `group` is where Telegram's group has moved to: the connector
    then knows that the comment stands in the former one, and a person does it."""

    seconds: float
    detail: str
    group: str | None = None


class LookAgain(msgspec.Struct, frozen=True, kw_only=True):
    """It may have been done: look in `seconds`."""

    seconds: float
    detail: str


Verdict = Settle | Again | LookAgain


def pause(attempts: int) -> float:
    """The wait after that many attempts, counted from 1."""
    return PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]


def after_attempt(action: Action, error: Exception, attempts: int) -> Verdict:
    """What follows from an attempt's error; what a connector never promised to raise is taken for Unclear."""
    match error:
        case NotSent():
            return Again(seconds=max(error.retry_after or 0.0, pause(attempts)), detail=error.detail)
        case PageMoved():
            return Again(seconds=0.0 if attempts == 1 else pause(attempts), detail=error.detail, group=error.group)
        case Gone():
            return _gone(action, error)
        case BadCredential():
            why = f"The platform does not accept the source's credential ({error.detail})"
        case NotAllowed():
            why = f"The source's credential may not do this ({error.detail})"
        case Refused():
            why = f"The platform refused it ({error.detail})"
        case Unclear():
            return LookAgain(seconds=SETTLING_SECONDS, detail=error.detail)
        case _:
            return LookAgain(seconds=SETTLING_SECONDS, detail=f"broke off: {type(error).__name__}")
    return Settle(result="needs_person", detail=by_hand(action, why))


def after_look(action: Action, error: Exception, attempts: int, *, late: bool) -> Verdict:
    """What follows from an error while looking; `late` once the action's `not_after` is over."""
    match error:
        case NotSent() if not late:
            return LookAgain(seconds=max(error.retry_after or 0.0, pause(attempts)), detail=error.detail)
        case PageMoved() if not late:
            return LookAgain(seconds=pause(attempts), detail=error.detail)
        case Gone():
            return _gone(action, error)
    return Settle(result="needs_person", detail=MAY_BE_DONE)


def after_absence(detail: str, attempts: int) -> Again:
    """What follows when it surely is not on the platform: at first try again at once, later ever less eagerly."""
    return Again(seconds=0.0 if attempts <= 1 else pause(attempts), detail=detail or "it was not there when looked for")


def _gone(action: Action, error: Gone) -> Settle:
    if action.kind == "delete":
        # Nobody sees it any more, whoever took it away.
        return Settle(result="done", detail=f"It was not there any more ({error.detail}).")
    return Settle(result="failed", detail=f"What it was about is not there any more ({error.detail}).")
