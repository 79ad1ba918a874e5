"""A case: one comment to be answered, and what each event makes of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.routing.domain.case_change import (
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
from services.routing.domain.transition import TABLE, State, allowed
from shared.errors import Conflict, Invalid

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
            f"{rule.verb or name}: not open to {event.actor} for a case that is {case.state}; "
            f"allowed: {', '.join(verbs) or 'nothing'}.",
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
        case Reopened() if case.state == "publishing":
            # It may have been begun and stand there yet: then this is what was answered.
            return change(case, reopened_at=event.at)
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
