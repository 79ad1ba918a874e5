"""A comment as the pure fold of the set of its versions: any order, any repetition, the same standing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from shared.events import AuthorKind, Flags, Tag

VersionKind = Literal["created", "edited", "deleted", "restored"]
Reason = Literal["spam", "unsure", "toxic", "personal_data"]
"""Why a person should look at a comment."""

REASONS: tuple[Reason, ...] = ("personal_data", "toxic", "spam", "unsure")
"""Every reason, the gravest first."""

CASE_TAGS: frozenset[str] = frozenset({"question", "complaint"})


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What a moderator's decision says of one version instead of the machine; None leaves the machine's word."""

    tag: Tag | None = None
    topic: str | None = None
    case: bool = False
    """True when the moderator wants a case whatever the tag."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a created or edited version says, and how the classifier judged it (the fields of `Tagged`)."""

    text: str
    tag: Tag
    scores: dict[Tag, float] = {}
    confidence: float = 1.0
    unsure: bool = False
    topic: str = "other"
    flags: Flags = Flags()
    model: str = ""
    author: str | None = None
    author_kind: AuthorKind = "person"
    parent: str | None = None
    correction: Correction | None = None

    @property
    def right_tag(self) -> Tag:
        """The tag after a moderator's correction."""
        return (self.correction.tag if self.correction else None) or self.tag

    @property
    def right_topic(self) -> str:
        """The topic after a moderator's correction."""
        return (self.correction.topic if self.correction else None) or self.topic


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a comment: its sequence in COMMENTS is its number; unique per comment."""

    version: int
    kind: VersionKind
    received_at: datetime
    content: Content | None = None
    """Present exactly for created and edited."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that the versions known so far say about a comment."""

    alive: bool
    """False when the highest version is a deletion."""
    head: int
    """The highest version of any kind."""
    content: Version | None = None
    """The highest version with content: what the comment says now; None when only a tombstone is known."""
    case: Version | None = None
    """The highest version that makes a case; None when none ever did."""
    opened_at: datetime | None = None
    """The earliest `received_at` of the versions that make a case: its clocks begin here."""
    urgent: bool = False
    """True when any version that makes a case was urgent: an edit never takes the urgency away silently."""
    reasons: tuple[Reason, ...] = ()
    """Why a person should look at the present content, the gravest first; empty when nobody needs to."""
    answers: str | None = None
    """For an official answer (the page itself wrote it): the comment it replies to."""
    answered_at: datetime | None = None
    """For an official answer: when its first version came in."""


def makes_case(content: Content) -> bool:
    """True for a question or complaint of anybody but the page itself, as the machine or a moderator tagged it.

    An urgent comment makes a case also when tagged `other`: a danger must not wait for the right tag. A correction
    only ever adds a case; taking one away is an act upon the case.
    """
    if content.author_kind == "page":
        return False
    correction = content.correction
    if content.tag in CASE_TAGS or content.right_tag in CASE_TAGS or (correction is not None and correction.case):
        return True
    return content.flags.urgent and content.right_tag == "other"


def reasons_of(content: Content) -> tuple[Reason, ...]:
    """Why a person should look at it, the gravest first; never for what the page itself wrote."""
    if content.author_kind == "page":
        return ()
    said = {
        "personal_data": content.flags.personal_data,
        "toxic": content.flags.toxic,
        "spam": content.tag == "spam",
        "unsure": content.unsure,
    }
    return tuple(reason for reason in REASONS if said[reason])


def fold(versions: Iterable[Version]) -> Standing | None:
    """The standing of a comment with these versions, in any order and repetition; None for none at all."""
    by_number = {version.version: version for version in versions}
    if not by_number:
        return None
    ordered = [by_number[number] for number in sorted(by_number)]
    head = ordered[-1]
    with_content = [(version, version.content) for version in ordered if version.content is not None]
    content = with_content[-1][0] if with_content else None
    cases = [(version, said) for version, said in with_content if makes_case(said)]
    official = [(version, said) for version, said in with_content if said.author_kind == "page"]
    return Standing(
        alive=head.kind != "deleted",
        head=head.version,
        content=content,
        case=cases[-1][0] if cases else None,
        opened_at=min((version.received_at for version, _ in cases), default=None),
        urgent=any(said.flags.urgent for _, said in cases),
        reasons=reasons_of(with_content[-1][1]) if with_content else (),
        answers=official[-1][1].parent if official else None,
        answered_at=min((version.received_at for version, _ in official), default=None),
    )


def thread_of(comment_id: str, parent: str | None, parent_thread: str | None) -> str:
    """The thread a comment stands in, named by its first comment: its parent's thread where that is known, else its
    parent, else itself."""
    return parent_thread or parent or comment_id
