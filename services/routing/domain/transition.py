"""The table of what may become of a case: who may do what in which state, and the state that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from services.routing.domain.case_change import Actor

State = Literal[
    "routed",
    "accepted",
    "in_progress",
    "publishing",
    "publish_failed",
    "answered",
    "closed",
    "returned",
    "transferred",
    "void",
]
"""Where a case stands. `publishing`: its answer is on the way to the page; `publish_failed`: it did not get there.
`returned` and `transferred` last only within one step, until the case is routed again."""

OPEN_STATES: frozenset[str] = frozenset(
    {"routed", "accepted", "in_progress", "publishing", "publish_failed", "returned", "transferred"}
)
"""The states in which a citizen still waits."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table: who may do it, and the state that follows each state it is allowed in."""

    actors: frozenset[Actor]
    to: Mapping[State, State]
    verb: str | None = None
    """The HTTP transition; None for what only the system does."""
    needs: tuple[str, ...] = ()
    """The fields a person must give with the verb."""


_STAFF: frozenset[Actor] = frozenset({"agent", "coordinator", "admin"})
_SYSTEM: frozenset[Actor] = frozenset({"system"})
_EVERY: tuple[State, ...] = (
    "routed",
    "accepted",
    "in_progress",
    "publishing",
    "publish_failed",
    "answered",
    "closed",
    "void",
)

TABLE: Mapping[str, Rule] = {
    "accepted": Rule(verb="accept", actors=_STAFF, to={"routed": "accepted"}),
    "started": Rule(verb="start", actors=_STAFF, to={"accepted": "in_progress"}),
    "answered": Rule(
        verb="answer", actors=_STAFF, needs=("text", "outcome"), to={"accepted": "answered", "in_progress": "answered"}
    ),
    "submitted": Rule(
        verb="answer",
        actors=_STAFF,
        needs=("text", "outcome"),
        to={
            "accepted": "publishing",
            "in_progress": "publishing",
            "publishing": "publishing",
            "publish_failed": "publishing",
        },
    ),
    "published": Rule(
        actors=_SYSTEM,
        # The answer may turn out to stand there after its comment was deleted, or deleted and restored, or after it was
        # taken back too late; by then somebody may be at another one.
        to={
            "publishing": "answered",
            "publish_failed": "answered",
            "void": "answered",
            "routed": "answered",
            "accepted": "answered",
            "in_progress": "answered",
        },
    ),
    "publish_failed": Rule(actors=_SYSTEM, to={"publishing": "publish_failed"}),
    "retried": Rule(verb="retry", actors=_STAFF, to={"publish_failed": "publishing"}),
    "answered_by_hand": Rule(verb="confirm", actors=_STAFF, needs=("where",), to={"publish_failed": "answered"}),
    "closed": Rule(verb="close", actors=_STAFF, to={"answered": "closed"}),
    "returned": Rule(
        verb="return",
        actors=_STAFF,
        needs=("to", "reason"),
        to={"routed": "returned", "accepted": "returned", "in_progress": "returned"},
    ),
    "transferred": Rule(
        verb="transfer",
        actors=_STAFF,
        needs=("to",),
        to={"routed": "transferred", "accepted": "transferred", "in_progress": "transferred"},
    ),
    "reopened": Rule(
        verb="reopen",
        actors=_STAFF,
        to={"answered": "routed", "closed": "routed", "publishing": "routed", "publish_failed": "routed"},
    ),
    "routed": Rule(
        actors=_SYSTEM,
        to={
            "routed": "routed",
            "returned": "routed",
            "transferred": "routed",
            "void": "void",
            "answered": "answered",
        },
    ),
    "retagged": Rule(actors=_SYSTEM, to={state: state for state in _EVERY}),
    "joined": Rule(actors=_SYSTEM, to={state: state for state in _EVERY}),
    "voided": Rule(
        actors=_SYSTEM,
        to={
            "routed": "void",
            "accepted": "void",
            "in_progress": "void",
            "publishing": "void",
            "publish_failed": "void",
        },
    ),
    "restored": Rule(actors=_SYSTEM, to={"void": "routed"}),
    "answered_outside": Rule(
        actors=_SYSTEM,
        to={
            "routed": "answered",
            "accepted": "answered",
            "in_progress": "answered",
            "publishing": "answered",
            "publish_failed": "answered",
            "void": "answered",
        },
    ),
}
"""The one table of transitions, by event. The seat of draft, approval and the other states to come."""


def allowed(state: State, actor: Actor) -> tuple[str, ...]:
    """The verbs that `actor` may use on a case in `state`, in the table's order."""
    may = (rule.verb for rule in TABLE.values() if rule.verb and actor in rule.actors and state in rule.to)
    # To answer is one verb and two events: it depends on the platform which of them.
    return tuple(dict.fromkeys(may))
