"""One submitted comment: its shape, the event it becomes, or in plain words why it is refused. Pure."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.events import (
    MAX_EVENT_BYTES,
    Attachment,
    AuthorKind,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    CommentEvent,
    CommentRestored,
    Platform,
    encode,
)
from shared.events.base import MAX_ATTACHMENTS, MAX_TEXT, Moment

EventKind = Literal["created", "edited", "deleted", "restored"]
_STANDING: tuple[tuple[EventKind, ...], ...] = (("created", "edited", "restored", "deleted"), ("deleted",))

MAX_ID = 200
"""Characters of a comment's id with its platform (and source) in front, as `shared.events` bounds every id."""

AUTHOR_BYTES = 16
"""Kept of the author's HMAC. Among the 50 million subscribers of official pages, two share a 128-bit value with a
probability of 50e6**2 / 2**129, about 4e-24."""

FIRST_YEAR, LAST_YEAR = 1970, 2099
"""Outside of these a time is a mistake, and near datetime's own ends it could not be converted to UTC."""

# The lookahead keeps out a final line feed, which Python's `$` would let pass.
LocalId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:=+/-]{1,200}$(?!\n)")]


class SubmittedAttachment(Attachment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As an event's attachment, but a field that nobody knows is refused."""


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client sends for one comment event; ids are the platform's own, without the platform in front."""

    platform: Platform
    page: LocalId
    """With its platform: `http:demo`, `vk:-123`."""
    id: LocalId
    event: EventKind = "created"
    post: LocalId | None = None
    parent: LocalId | None = None
    author: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """The author's id on the platform; only its keyed hash goes further."""
    author_kind: AuthorKind = "person"
    text: Annotated[str, Meta(max_length=MAX_TEXT)] | None = None
    attachments: Annotated[tuple[SubmittedAttachment, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()
    posted_at: Moment | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why one item is not taken; the words name the field and what would be right, and never quote the text."""

    error: str
    forbidden: bool = False
    """True where the item itself is right and the key may not send it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event ready to be stored, with what repetitions of it are recognised by."""

    event: CommentEvent
    digest: bytes
    """16 bytes over kind and content: equal exactly when nothing but the times and the author differs."""
    weight: int
    """Upper bound in bytes, near enough, of what the event takes."""
    unchanged: bytes | None = None
    """Of an edit that a platform tells: the digest of a creation with the same content. Telegram tells too of edits
    that change only what a bot does not see."""
    known: Known | None = None
    """Set where the comment was read back from its platform, which does not say what happened to it."""
    as_of: datetime | None = None
    """Set where it may be older than what is known: it tells nothing of a comment that has changed since."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry that was read back becomes where its comment is known already."""

    edited: Entry
    """Where another content is known."""
    restored: Entry
    """Where it was last deleted."""
    deleted: bytes
    """The digest of a deletion."""

    def given(self, entry: Entry, digest: bytes) -> Entry | None:
        """What `entry` becomes after an event with `digest`; None where that told the same content."""
        if digest in (entry.digest, self.edited.digest):
            return None
        return self.restored if digest == self.deleted else self.edited


def author_hash(key: bytes, platform: str, author: str) -> str:
    """22 characters that stand for an author and tell nobody who it is without the key."""
    digest = hmac.digest(key, f"{platform}:{author}".encode(), "sha256")
    return urlsafe_b64encode(digest[:AUTHOR_BYTES]).rstrip(b"=").decode()


def held(submission: Submission) -> Submission | Refusal:
    """A submission that a connector built from whatever came, held to the same bounds as what a client sends."""
    try:
        checked = msgspec.convert(msgspec.to_builtins(submission), Submission)
        msgspec.json.encode(checked)
    except msgspec.ValidationError as error:
        # Names the field and what was expected; a value is quoted only of the few that are words of ours.
        return Refusal(error=str(error)[:500])
    except UnicodeEncodeError:
        return Refusal(error="text: half of a surrogate pair is no text")
    return checked


def to_entry(submission: Submission, *, author_key: bytes, received_at: datetime, trace: str) -> Entry | Refusal:
    """The event that `submission` becomes, or why it becomes none."""
    platform, page, kind = submission.platform, submission.page, submission.event
    head, _, local = page.partition(":")
    if head != platform or not local:
        return Refusal(error=f'page: must start with the platform, as in "{platform}:<page>"')
    if platform == "http" and ":" in local:
        # http:a:b with id c and http:a with id b:c would otherwise be one comment.
        return Refusal(error='page: the source after "http:" must not contain another ":"')
    prefix = f"http:{local}:" if platform == "http" else f"{platform}:"
    if len(prefix) + max(len(submission.id), len(submission.parent or "")) > MAX_ID:
        return Refusal(error=f'id, parent: with "{prefix}" in front they may have at most {MAX_ID} characters')
    posted_at = submission.posted_at
    if posted_at is not None:
        if not FIRST_YEAR <= posted_at.year <= LAST_YEAR:
            return Refusal(error=f"posted_at: the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
        posted_at = posted_at.astimezone(UTC)
    comment_id = prefix + submission.id
    if kind in ("deleted", "restored"):
        gone = CommentDeleted if kind == "deleted" else CommentRestored
        return Entry(
            event=gone(
                id=comment_id,
                platform=platform,
                page=page,
                post=submission.post,
                received_at=received_at,
                posted_at=posted_at,
                trace=trace,
            ),
            digest=_digest(f"{kind}\0{page}"),
            weight=1_024,
        )
    text = (submission.text or "").replace("\0", "\ufffd")
    if not submission.attachments and not text.strip():
        return Refusal(error=f"text is empty: a comment that is {kind} needs text or attachments")
    attachments = tuple(_clean(attachment) for attachment in submission.attachments)
    parent = None if submission.parent is None else prefix + submission.parent
    author = None
    if submission.author is not None:
        # A source of HTTP comments numbers its authors by itself: u1 of one is not u1 of another.
        namespace = page if platform == "http" else platform
        author = author_hash(author_key, namespace, submission.author)
    shape = CommentCreated if kind == "created" else CommentEdited
    event = shape(
        id=comment_id,
        platform=platform,
        page=page,
        post=submission.post,
        received_at=received_at,
        posted_at=posted_at,
        trace=trace,
        parent=parent,
        author=author,
        author_kind=submission.author_kind,
        text=text,
        attachments=attachments,
    )
    weight = 1_024 + 2 * len(text) + sum(64 + len(each.url or "") for each in attachments)
    # JSON may spell one character in six bytes; only what could be too large that way is measured.
    if 6 * weight > MAX_EVENT_BYTES and len(encode(event)) > MAX_EVENT_BYTES:
        return Refusal(error=f"text, attachments: encoded as JSON they exceed {MAX_EVENT_BYTES} bytes")
    content = f"\0{page}\0{submission.post or ''}\0{parent or ''}\0{submission.author_kind}\0{text}"
    for each in attachments:
        content += f"\0{each.kind}\0{'' if each.url is None else '+' + each.url}"
    unchanged = _digest(f"created{content}") if kind == "edited" and platform != "http" else None
    return Entry(event=event, digest=_digest(kind + content), weight=weight, unchanged=unchanged)


def to_entry_read_back(
    submission: Submission, *, author_key: bytes, received_at: datetime, trace: str
) -> Entry | Refusal:
    """The entry of a comment as it stands on its platform: a new one where the comment is not known, else an edit, a
    return, or nothing at all (see `Known`). What is gone is a deletion as ever."""
    made = [
        to_entry(
            msgspec.structs.replace(submission, event=kind),
            author_key=author_key,
            received_at=received_at,
            trace=trace,
        )
        for kind in _STANDING[submission.event == "deleted"]
    ]
    match made:
        case [Entry() as created, Entry() as edited, Entry() as restored, Entry() as deleted]:
            known = Known(edited=edited, restored=restored, deleted=deleted.digest)
            return msgspec.structs.replace(created, known=known)
    return made[0]


def _clean(attachment: Attachment) -> Attachment:
    url = attachment.url
    if url is None or "\0" not in url:
        return attachment
    return Attachment(kind=attachment.kind, url=url.replace("\0", "\ufffd"))


def _digest(content: str) -> bytes:
    # No part contains NUL, so that joining by it is unambiguous.
    return blake2b(content.encode(), digest_size=16).digest()
