"""What people do with cases: take, move on, answer, give back. Each act is one transaction on a Connection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import msgspec
from sqlalchemy import Connection

from services.routing.caller import Caller
from services.routing.domain import lease
from services.routing.domain.case import Case, act
from services.routing.domain.case_change import Actor, Answered, Outcome, Retried, Submitted
from services.routing.domain.transition import OPEN_STATES, State, allowed
from services.routing.domain.verb import ORDERS, change_of
from services.routing.store import case as case_store
from services.routing.store import case_view, comment, log_view, queue_view
from services.routing.store.case_view import CaseDetail, CaseItem
from services.routing.store.changes import Changes
from services.routing.store.comment import Comment
from services.routing.store.log_view import EventItem
from services.routing.store.queue_view import ListedState, Place, Wanted
from shared.errors import Conflict, Invalid, NotFound
from shared.events import Action, Platform
from shared.web.etag import check_version

REPLY_LIFE = timedelta(days=7)
"""A reply that could not be published by then would surprise more than it helps: it goes to a person instead."""

_ACTORS = frozenset({"agent", "coordinator", "admin"})


class CaseView(CaseDetail, frozen=True, kw_only=True):
    """A case for the one who looks at it."""

    allowed: tuple[str, ...]
    """The transitions that this key may make now."""


class LeasedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case held by the caller alone; all null when the queue has none to take."""

    case: CaseItem | None = None
    token: int | None = None
    """Rises with every lease of the case: whoever held it before is fenced off."""
    expires_at: datetime | None = None


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A transition as it was asked for; what the verb does not take must be None."""

    verb: str
    to: str | None = None
    reason: str | None = None
    text: str | None = None
    outcome: Outcome | None = None
    where: str | None = None
    lease_token: int | None = None
    if_match: str | None = None


def read(conn: Connection, caller: Caller, case_id: str) -> CaseView:
    """The case as the caller sees it; raises NotFound."""
    found = case_view.detail(conn, case_id, caller.now)
    if found is None or not caller.sight.covers(found.institution, found.territory):
        raise _no_case()
    return _view(found, caller)


def history(
    conn: Connection, caller: Caller, case_id: str, *, after: int, limit: int
) -> tuple[list[EventItem], int | None]:
    """A page of the case's log, oldest first; raises NotFound."""
    _seen(conn, caller, case_id, lock=False)
    return log_view.of_case(conn, case_id, after=after, limit=limit)


def queue(
    conn: Connection,
    caller: Caller,
    institution: str,
    *,
    below: bool,
    state: ListedState | None,
    limit: int,
    after: Place | None,
) -> tuple[list[CaseItem], Place | None]:
    """A page of an institution's queue; raises NotFound for an unknown institution, or one the caller may not see."""
    wanted = _wanted(caller, institution, below=below, state=state)
    return queue_view.page(conn, wanted, limit=limit, after=after, now=caller.now)


def move(conn: Connection, changes: Changes, caller: Caller, case_id: str, asked: Move) -> CaseView:
    """Makes the transition and returns the case after it.

    Raises NotFound; PreconditionFailed for a stale If-Match; Conflict while somebody else holds the case, for a stale
    lease token, and for a transition that the state does not allow; Invalid for fields that do not go with the verb.
    """
    case = _seen(conn, caller, case_id, lock=True)
    check_version(asked.if_match, case.revision)
    _check_lease(case, caller, asked.lease_token)
    about = _about(conn, case) if asked.verb in ORDERS else None
    action_id = changes.fresh_id()
    change = change_of(
        asked.verb,
        at=caller.now,
        by=caller.principal.key_id,
        actor=_actor(caller),
        to=_institution(caller, asked.to),
        reason=asked.reason,
        text=asked.text,
        outcome=asked.outcome,
        where=asked.where,
        # Nothing brings an answer to a page of HTTP comments: there it counts as given at once.
        action=action_id if about is not None and about.platform != "http" else None,
    )
    steps = act(case, change, coordinator=caller.registry.coordinator_of(case.territory))
    after = changes.case(case, steps)
    if isinstance(change, Answered | Submitted | Retried) and about is not None and after.answer is not None:
        changes.order(_reply(caller, after, about, action_id, after.answer))
    changes.write(conn)
    return _read_again(conn, caller, case_id)


def take(
    conn: Connection, changes: Changes, caller: Caller, case_id: str, *, token: int | None, seconds: int
) -> LeasedCase:
    """Leases the case to the caller, or prolongs the lease that `token` names.

    Raises NotFound; Conflict for a case that is over, that somebody else holds, or for a stale token.
    """
    case = _seen(conn, caller, case_id, lock=True)
    if case.state not in OPEN_STATES:
        raise Conflict(f"A case that is {case.state} needs nobody's work.", extra={"state": case.state})
    holder = caller.principal.key_id
    if token is None:
        held = lease.take(case.lease, holder=holder, now=caller.now, seconds=seconds)
    else:
        _check_holder(case, caller)
        held = lease.renew(case.lease, token=token, now=caller.now, seconds=seconds)
    return _leased(conn, changes, caller, case, held)


def take_next(
    conn: Connection, changes: Changes, caller: Caller, institution: str, *, below: bool, seconds: int
) -> LeasedCase:
    """Leases the most urgent case of the queue that nobody holds; an empty LeasedCase when there is none.

    Two who ask at once get two different cases. Raises NotFound as `queue` does.
    """
    wanted = _wanted(caller, institution, below=below, state=None)
    free = queue_view.first_free(conn, wanted, now=caller.now)
    if free is None:
        return LeasedCase()
    held = lease.take(free.lease, holder=caller.principal.key_id, now=caller.now, seconds=seconds)
    return _leased(conn, changes, caller, free, held)


def release(conn: Connection, changes: Changes, caller: Caller, case_id: str, *, token: int) -> None:
    """Gives the case back to its queue; raises NotFound, and Conflict for a stale token."""
    case = _seen(conn, caller, case_id, lock=True)
    _check_holder(case, caller)
    ended = lease.release(case.lease, token=token, now=caller.now)
    changes.lease(msgspec.structs.replace(case, lease=ended))
    changes.write(conn)


def _leased(conn: Connection, changes: Changes, caller: Caller, case: Case, held: lease.Lease) -> LeasedCase:
    changes.lease(msgspec.structs.replace(case, lease=held))
    changes.write(conn)
    item = case_view.item(conn, case.id, caller.now)
    return LeasedCase(case=item, token=held.token, expires_at=held.expires_at)


def _wanted(caller: Caller, institution: str, *, below: bool, state: ListedState | None) -> Wanted:
    """What of the queue the caller sees: all of it, or of a coordinator's own territory its part."""
    known = caller.registry.institution(institution)
    if known is None or (caller.principal.role == "agent" and not caller.sight.covers(institution, None)):
        raise NotFound("no such institution, or none whose queue this key may see")
    ids = caller.registry.below(institution) if below else frozenset({institution})
    everywhere = below and ids == caller.registry.institutions.keys()
    return Wanted(institutions=None if everywhere else ids, sight=caller.sight, state=state)


def _seen(conn: Connection, caller: Caller, case_id: str, *, lock: bool) -> Case:
    case = case_store.get(conn, case_id, lock=lock)
    if case is None or not caller.sight.covers(case.institution, case.territory):
        # The same words for both: that a case exists is already more than a stranger should learn.
        raise _no_case()
    return case


def _no_case() -> NotFound:
    return NotFound("no such case, or none that this key may see")


def _view(found: CaseDetail, caller: Caller) -> CaseView:
    verbs: tuple[str, ...] = ()
    # After a hand-on the one who made it still gets the case, for the last time.
    if caller.principal.role in _ACTORS and caller.sight.covers(found.institution, found.territory):
        verbs = allowed(cast(State, found.state), _actor(caller))
    return CaseView(**msgspec.structs.asdict(found), allowed=verbs)


def _read_again(conn: Connection, caller: Caller, case_id: str) -> CaseView:
    found = case_view.detail(conn, case_id, caller.now)
    assert found is not None  # noqa: S101 - it is locked by this transaction, and cases are never deleted
    return _view(found, caller)


def _actor(caller: Caller) -> Actor:
    """The capacity that the role acts in; only roles of `_ACTORS` come here."""
    return cast(Actor, caller.principal.role)


def _institution(caller: Caller, to: str | None) -> str | None:
    if to is not None and caller.registry.institution(to) is None:
        raise Invalid(f"to: there is no institution {to}.", extra={"field": "to"})
    return to


def _check_lease(case: Case, caller: Caller, token: int | None) -> None:
    """A live lease keeps everybody else out; its holder needs no token, but a token that is given must be the one."""
    _check_holder(case, caller)
    if token is not None:
        lease.check(case.lease, token=token, now=caller.now)


def _check_holder(case: Case, caller: Caller) -> None:
    held = case.lease
    if held is not None and held.live(caller.now) and held.holder != caller.principal.key_id:
        raise Conflict(
            "Somebody else is working on this; it becomes free when the lease ends.",
            extra={"why": "leased", "expires_at": held.expires_at.isoformat()},
        )


def _about(conn: Connection, case: Case) -> Comment:
    """The comment to be answered: the case's, or a living follow-up where the first one was deleted."""
    told = {about.id: about for about in comment.joined_to(conn, [case.id])}
    living = [about for about in told.values() if about.alive]
    first = told.get(case.comment_id)
    return first if first is not None and (first.alive or not living) else living[0]


def _reply(caller: Caller, case: Case, about: Comment, id: str, text: str) -> Action:
    return Action(
        id=id,
        kind="reply",
        platform=cast(Platform, about.platform),
        page=about.page,
        post=about.post,
        comment=about.id,
        text=text,
        case=case.id,
        ordered_by=caller.principal.key_id,
        ordered_at=caller.now,
        not_after=caller.now + REPLY_LIFE,
    )
