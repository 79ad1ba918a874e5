"""How a source does: what was seen of it, and the one word that sums it up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from services.ingest.connectors.connector import Rights
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PageMoved,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.sources.record import SourceRecord
from services.ingest.sources.source import Secrets
from shared.events.base import Moment

State = Literal["working", "waiting", "failing", "no_credentials", "paused"]
STATES: tuple[State, ...] = get_args(State)
Failure = Literal[
    "bad_credential", "not_allowed", "not_reached", "unclear", "gone", "refused", "page_moved", "unexpected"
]
_CLASSES: tuple[tuple[type[PlatformError], Failure], ...] = (
    (BadCredential, "bad_credential"),
    (NotAllowed, "not_allowed"),
    (NotSent, "not_reached"),
    (Unclear, "unclear"),
    (Gone, "gone"),
    (Refused, "refused"),
    (PageMoved, "page_moved"),
)
MAX_WORDS = 300
"""Characters of what is told of an error."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """An error: its class, what the platform said, when."""

    kind: Failure
    detail: str
    at: Moment


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one source; `None` where nothing is known yet."""

    last_event_at: Moment | None = None
    """When the last event of its page came in."""
    lag_seconds: float | None = None
    """Between that event on the platform and its arrival here, where the platform says when it was."""
    succeeded_at: Moment | None = None
    """When the platform last answered a poll or a test, or called the hook genuinely."""
    error: Trouble | None = None
    rights: Rights | None = None
    tested_at: Moment | None = None
    forged_at: Moment | None = None
    """When the hook was last called without the source's secret, to the minute."""


def trouble(error: Exception, at: datetime, secrets: Secrets | None = None) -> Trouble:
    """What may be told of `error`: of a platform's its words, without the secrets should any stand in them; of any
    other its class alone."""
    if not isinstance(error, PlatformError):
        return Trouble(kind="unexpected", detail=type(error).__name__, at=at)
    words = error.detail if secrets is None else secrets.withheld_from(error.detail)
    kind: Failure = next((kind for known, kind in _CLASSES if isinstance(error, known)), "unexpected")
    return Trouble(kind=kind, detail=" ".join(words.split())[:MAX_WORDS], at=at)


def merged(pulses: Iterable[Pulse]) -> Pulse:
    """What several replicas saw of one source, each field as the latest of them has it."""
    found = Pulse()
    for pulse in pulses:
        if _later(pulse.last_event_at, found.last_event_at):
            found = msgspec.structs.replace(found, last_event_at=pulse.last_event_at, lag_seconds=pulse.lag_seconds)
        if _later(pulse.succeeded_at, found.succeeded_at):
            found = msgspec.structs.replace(found, succeeded_at=pulse.succeeded_at)
        if pulse.error is not None and _later(pulse.error.at, None if found.error is None else found.error.at):
            found = msgspec.structs.replace(found, error=pulse.error)
        if _later(pulse.tested_at, found.tested_at):
            found = msgspec.structs.replace(found, rights=pulse.rights, tested_at=pulse.tested_at)
        if _later(pulse.forged_at, found.forged_at):
            found = msgspec.structs.replace(found, forged_at=pulse.forged_at)
    return found


def seen_when(pulse: Pulse, holds: Callable[[datetime], bool]) -> Pulse:
    """What was seen at moments for which `holds` is true."""
    fields: dict[str, Any] = {}
    if pulse.last_event_at is not None and not holds(pulse.last_event_at):
        fields |= {"last_event_at": None, "lag_seconds": None}
    if pulse.succeeded_at is not None and not holds(pulse.succeeded_at):
        fields["succeeded_at"] = None
    if pulse.error is not None and not holds(pulse.error.at):
        fields["error"] = None
    if pulse.tested_at is not None and not holds(pulse.tested_at):
        fields |= {"rights": None, "tested_at": None}
    if pulse.forged_at is not None and not holds(pulse.forged_at):
        fields["forged_at"] = None
    return msgspec.structs.replace(pulse, **fields) if fields else pulse


def state_of(record: SourceRecord | None, problem: str | None, pulse: Pulse) -> tuple[State, str]:
    """The one word, and why in a sentence (empty while it works)."""
    if problem is not None:
        return "no_credentials", problem
    if record is not None and not record.active:
        return "paused", "paused by a person"
    error = pulse.error
    if error is not None and not _later(pulse.succeeded_at, error.at):
        if error.kind == "bad_credential":
            return "no_credentials", f"the platform refuses its credentials: {error.detail}"
        return "failing", f"{error.kind}: {error.detail}"
    if pulse.succeeded_at is None and pulse.last_event_at is None:
        wrong = "" if pulse.forged_at is None else "; calls with a wrong secret or none came"
        return "waiting", f"nothing was heard of the platform yet{wrong}"
    return "working", ""


def _later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one > other)
