"""The HTTP transitions: a verb and what comes with it, checked and made into a case's event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, get_args

from services.routing.domain.case_change import (
    MAX_ANSWER,
    MAX_REASON,
    MAX_WHERE,
    OUTCOMES,
    Accepted,
    Actor,
    Answered,
    AnsweredByHand,
    CaseChange,
    Closed,
    Outcome,
    Reopened,
    Retried,
    Returned,
    Started,
    Submitted,
    Transferred,
)
from services.routing.domain.transition import TABLE, Rule
from shared.errors import Invalid

VERBS: Mapping[str, Rule] = {rule.verb: rule for rule in TABLE.values() if rule.verb}
"""accept, start, answer, retry, confirm, close, return, transfer, reopen, each with its row of the table; the two rows
of answer need the same."""

ORDERS = frozenset({"answer", "retry"})
"""The verbs that send an answer on its way to the page."""

_MAKE: Mapping[str, Callable[..., CaseChange]] = {
    "accept": Accepted,
    "start": Started,
    "answer": Answered,
    "retry": Retried,
    "confirm": AnsweredByHand,
    "close": Closed,
    "return": Returned,
    "transfer": Transferred,
    "reopen": Reopened,
}


def change_of(
    verb: str,
    *,
    at: datetime,
    by: str,
    actor: Actor,
    to: str | None = None,
    reason: str | None = None,
    text: str | None = None,
    outcome: str | None = None,
    where: str | None = None,
    action: str | None = None,
) -> CaseChange:
    """The event that the HTTP transition `verb` asks for. A reason is welcome with every verb.

    `action` is the id of the one that will publish the answer, with a verb of ORDERS; without it, `answer` answers at
    once (where nothing publishes), and there is nothing to `retry`.

    Raises Invalid naming the field that is missing, superfluous or wrong, or listing the verbs when `verb` is none
    of them. That `to` is a known institution, and one that the actor may send to, is for the caller to check.
    """
    rule = VERBS.get(verb)
    if rule is None:
        raise Invalid(f"There is no transition {verb[:40]!r}; there are {', '.join(VERBS)}.")
    given = {"to": to, "reason": reason, "text": text, "outcome": outcome, "where": where}
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or not value.strip():
            if name in rule.needs:
                needs = "needs it" if value is None else "needs more than blanks"
                raise Invalid(f"{name}: {verb} {needs}.", extra={"field": name})
            continue
        if name not in rule.needs and name != "reason":
            raise Invalid(f"{name}: {verb} takes no such field.", extra={"field": name})
        fields[name] = value
    _at_most("reason", reason, MAX_REASON)
    _at_most("text", text, MAX_ANSWER)
    _at_most("where", where, MAX_WHERE)
    if outcome is not None and "outcome" in fields and outcome not in OUTCOMES:
        raise Invalid(f"outcome: must be one of {', '.join(get_args(Outcome))}.", extra={"field": "outcome"})
    make = _MAKE[verb]
    if verb in ORDERS and action is not None:
        make = Submitted if verb == "answer" else Retried
        fields["action"] = action
    elif verb == "retry":
        raise Invalid("There is no answer to be published again.")
    return make(at=at, by=by, actor=actor, **fields)


def _at_most(field: str, value: str | None, limit: int) -> None:
    if value is not None and len(value) > limit:
        raise Invalid(f"{field}: at most {limit} characters, these are {len(value)}.", extra={"field": field})
