"""A case: one comment to be answered, and the table of what may become of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from services.routing.domain.case_change import (
    Actor,
    Answered,
    AnsweredByHand,
    AnsweredOutside,
    CaseChange,
    Closed,
    Joined,
    Outcome,
    Published,
    Reopened,
    Retagged,
    Retried,
    Returned,
    Routed,
    Submitted,
    Transferred,
    event_name,
)
from services.routing.domain.lease import Lease, revoke
from services.routing.domain.route import Route, Why
from shared.errors import Conflict, Invalid

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

MAX_BOUNCES = 3
"""The hand-on between institutions that goes to the coordinator of the territory instead of where it was sent.

Three institutions that each call another one responsible show that none of them can settle it among themselves."""


class WrongTransition(Conflict):
    """The case's state, or the actor's role, does not allow this; `extra` lists `state` and the `allowed` verbs."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A comment that must be answered by `institution`."""

    id: str
    """UUIDv7."""
    comment_id: str
    version: int
    """The comment's version that tag, topic and automatic route follow."""
    institution: str
    territory: str
    tag: str
    topic: str
    urgent: bool = False
    state: State = "routed"
    opened_at: datetime
    """When the citizen's clock began."""
    revision: int = 1
    """Rises by one with every event: the ETag."""
    touched: bool = False
    """True once a person acted on it: from then on no edit moves it."""
    bounces: int = 0
    """How often an institution handed it on."""
    answer: str | None = None
    reply: str | None = None
    """The action that last was to publish the answer; what becomes of another one is no concern of this case."""
    outcome: Outcome | None = None
    """None also for a case answered outside: nobody told us how it ended."""
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    reopened_at: datetime | None = None
    route: Route
    """Why it stands where it stands."""
    lease: Lease | None = None


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
        # The answer may turn out to stand there after its comment was deleted, or deleted and restored.
        to={"publishing": "answered", "publish_failed": "answered", "void": "answered", "routed": "answered"},
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


def open_case(
    *, id: str, comment_id: str, version: int, tag: str, topic: str, urgent: bool, opened_at: datetime, event: Routed
) -> Case:
    """A new case, as its first event (`routed`) leaves it: revision 1."""
    route = event.route
    return Case(
        id=id,
        comment_id=comment_id,
        version=version,
        institution=route.institution,
        territory=route.territory,
        tag=tag,
        topic=topic,
        urgent=urgent,
        opened_at=opened_at,
        route=route,
    )


def apply(case: Case, event: CaseChange) -> Case:
    """The case after `event`: its revision one higher, everything else as the table and the event say.

    Raises WrongTransition when the table has no such row for the case's state or the event's actor.
    """
    name = event_name(event)
    rule = TABLE[name]
    if event.actor not in rule.actors or case.state not in rule.to:
        verbs = allowed(case.state, event.actor)
        raise WrongTransition(
            f"A case that is {case.state} cannot be {name} by {event.actor}; allowed: {', '.join(verbs) or 'nothing'}.",
            extra={"state": case.state, "allowed": list(verbs)},
        )
    after = _effect(case, event)
    return msgspec.structs.replace(
        after,
        state=rule.to[case.state],
        revision=case.revision + 1,
        touched=case.touched or event.actor != "system",
    )


def act(case: Case, event: CaseChange, *, coordinator: str) -> tuple[tuple[CaseChange, Case], ...]:
    """Every event that follows from `event`, each with the case after it: one, or two for a hand-on.

    `returned` and `transferred` are followed at once by `routed` to the institution named, or to `coordinator` (of
    the case's territory) when this hand-on is the MAX_BOUNCES-th or a later one and does not come from the
    coordinator itself. Raises WrongTransition as `apply`; Invalid when `to` already has the case.
    """
    after = apply(case, event)
    if not isinstance(event, Returned | Transferred):
        return ((event, after),)
    if event.to == case.institution:
        raise Invalid(f"to: the case already is with {event.to}; name the institution that is responsible.")
    bounced = after.bounces >= MAX_BOUNCES and _is_bounce(event) and case.institution != coordinator
    to = coordinator if bounced else event.to
    if bounced:
        why = Why(
            kind="bounce_limit",
            ids=(event.to,),
            words=f"handed on {after.bounces} times, last towards {event.to}: the coordinator decides",
        )
    else:
        why = Why(kind="hand_on", ids=(case.institution,), words=f"{event_name(event)} by {case.institution}")
    route = Route(
        institution=to,
        territory=case.territory,
        by="coordinator" if bounced else "person",
        why=why,
        place=case.route.place,
    )
    routed = Routed(at=event.at, route=route)
    return ((event, after), (routed, apply(after, routed)))


def _is_bounce(event: Returned | Transferred) -> bool:
    """A coordinator's or admin's transfer settles who is responsible; everything else passes the case on."""
    return isinstance(event, Returned) or event.actor == "agent"


def _effect(case: Case, event: CaseChange) -> Case:
    """What the event changes besides state, revision and touched."""
    change = msgspec.structs.replace
    match event:
        case Routed():
            route = event.route
            moved = route.institution != case.institution
            return change(
                case,
                route=route,
                institution=route.institution,
                territory=route.territory,
                # The next institution must be able to take it at once; the token lives on.
                lease=revoke(case.lease, now=event.at) if moved else case.lease,
            )
        case Returned() | Transferred():
            return change(case, bounces=case.bounces + 1) if _is_bounce(event) else case
        case Answered():
            return change(case, answer=event.text, outcome=event.outcome, answered_at=event.at)
        case Submitted():
            return change(case, answer=event.text, outcome=event.outcome, answered_at=None, reply=event.action)
        case Retried():
            return change(case, reply=event.action)
        case Published() | AnsweredByHand():
            return change(case, answered_at=event.at)
        case AnsweredOutside():
            return change(case, answered_at=event.answered_at)
        case Closed():
            return change(case, closed_at=event.at)
        case Reopened():
            return change(
                case, answer=None, reply=None, outcome=None, answered_at=None, closed_at=None, reopened_at=event.at
            )
        case Retagged():
            return change(
                case,
                version=event.version,
                tag=event.tag,
                topic=event.topic,
                urgent=event.urgent,
                opened_at=event.opened_at,
            )
        case Joined():
            return change(case, urgent=case.urgent or event.urgent)
    return case
