"""What can happen to a case: one struct per event of its append-only log, and the HTTP verbs that make them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

import msgspec

from services.routing.domain.route import Route

Actor = Literal["agent", "coordinator", "admin", "system"]
"""In what capacity somebody acts; `system` for what follows from events alone."""

Outcome = Literal["resolved", "explained", "planned", "refused", "not_competent"]
"""How a case ended, apart from its state."""

OUTCOMES: tuple[str, ...] = get_args(Outcome)

MAX_ANSWER = 16_384
"""Characters of an answer: VK's limit for a comment, and the limit of an Action's text."""

MAX_REASON = 500
"""Characters of a reason."""

MAX_WHERE = 2_048
"""Characters of where an answer stands: an address, as long as an Outcome's link may be."""


class _Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Who did it, in what capacity, and when."""

    at: datetime
    by: str = "system"
    """`system` or the id of the key that acted; never a person's name."""
    actor: Actor = "system"
    reason: str = ""


class Routed(_Change, frozen=True, kw_only=True, tag="routed"):
    """The case was brought to an institution: on opening, after a hand-on, or anew after an edit nobody minded."""

    route: Route


class Accepted(_Change, frozen=True, kw_only=True, tag="accepted"):
    """The institution takes it as its own."""


class Started(_Change, frozen=True, kw_only=True, tag="started"):
    """Work on it began."""


class Answered(_Change, frozen=True, kw_only=True, tag="answered"):
    """The institution answered where nothing is published: 1 to 16,384 characters, and how it ended."""

    text: str
    outcome: Outcome


class Submitted(_Change, frozen=True, kw_only=True, tag="submitted"):
    """The institution answered, and the answer is on its way to the page: `action` is to put it there."""

    text: str
    outcome: Outcome
    action: str


class Published(_Change, frozen=True, kw_only=True, tag="published"):
    """The answer stands under the comment."""

    action: str
    link: str | None = None


class PublishFailed(_Change, frozen=True, kw_only=True, tag="publish_failed"):
    """The answer does not stand under the comment, or nobody knows; `reason` says what happened."""

    action: str
    result: Literal["failed", "needs_person"]
    link: str | None = None
    """Where a person can put it there by hand."""


class Retried(_Change, frozen=True, kw_only=True, tag="retried"):
    """The same answer is sent on its way once more, as another action."""

    action: str


class AnsweredByHand(_Change, frozen=True, kw_only=True, tag="answered_by_hand"):
    """A person put the answer under the comment, or saw that it stands there: at `where`."""

    where: str


class Closed(_Change, frozen=True, kw_only=True, tag="closed"):
    """Nothing more is to be done."""


class Returned(_Change, frozen=True, kw_only=True, tag="returned"):
    """The institution is not responsible: `to` is, because of `reason`."""

    to: str


class Transferred(_Change, frozen=True, kw_only=True, tag="transferred"):
    """The case is passed to `to`."""

    to: str


class Reopened(_Change, frozen=True, kw_only=True, tag="reopened"):
    """The answer did not settle it: the same institution must answer again."""


class Retagged(_Change, frozen=True, kw_only=True, tag="retagged"):
    """The comment's text, tag, topic or urgency is now that of `version`."""

    version: int
    tag: str
    topic: str
    urgent: bool
    opened_at: datetime


class Voided(_Change, frozen=True, kw_only=True, tag="voided"):
    """Its comment was deleted before it was answered."""


class Restored(_Change, frozen=True, kw_only=True, tag="restored"):
    """Its comment came back."""


class AnsweredOutside(_Change, frozen=True, kw_only=True, tag="answered_outside"):
    """The page itself answered under the comment, without this system."""

    comment: str
    """Id of the answering comment."""
    answered_at: datetime


class Joined(_Change, frozen=True, kw_only=True, tag="joined"):
    """A follow-up of the same author in the same thread belongs to this case."""

    comment: str
    urgent: bool = False


CaseChange = (
    Routed
    | Accepted
    | Started
    | Answered
    | Submitted
    | Published
    | PublishFailed
    | Retried
    | AnsweredByHand
    | Closed
    | Returned
    | Transferred
    | Reopened
    | Retagged
    | Voided
    | Restored
    | AnsweredOutside
    | Joined
)


def event_name(event: CaseChange) -> str:
    """`routed`, `accepted`, …: the name in the log, in CASES and in the transition table."""
    return str(event.__struct_config__.tag)
