"""What happened to a comment on its platform; written by ingest, in the order the platform told us."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.events.base import MAX_ATTACHMENTS, BaseEvent, Id, Moment, PageId, Platform, Text

AuthorKind = Literal["person", "page", "community"]
"""Who wrote it: a person, the official page itself, or another community."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that hangs on a comment; the file stays on the platform, only its address is kept."""

    kind: Literal["photo", "video", "audio", "voice", "document", "link", "sticker", "poll", "other"]
    url: Annotated[str, Meta(max_length=2_048)] | None = None


class _OnPage(BaseEvent, frozen=True, kw_only=True):
    """What every comment event says: which comment, on which page, and when we learned of it."""

    id: Id
    """`vk:wall:-123:45:678`, `telegram:-100123:678`, `ok:<topic>:<id>`, `max:<mid>`, `http:<source>:<id>`."""
    platform: Platform
    page: PageId
    """`vk:-123`, …"""
    post: Id | None = None
    """The platform's own id of the post, where it is known."""
    received_at: Moment
    """When ingest took it in: the clocks of a case begin here."""
    posted_at: Moment | None = None
    """The platform's time of the comment; an edit repeats the original one."""


class _Content(_OnPage, frozen=True, kw_only=True):
    """A comment's content as it stands after the event."""

    parent: Id | None = None
    """The comment id this one replies to; None for a reply to the post itself."""
    author: Annotated[str, Meta(max_length=64)] | None = None
    """Keyed hash of platform and author's id; None where the platform hides the author."""
    author_kind: AuthorKind = "person"
    text: Text
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()


class CommentCreated(_Content, frozen=True, kw_only=True, tag="comment.created"):
    """A comment appeared."""


class CommentEdited(_Content, frozen=True, kw_only=True, tag="comment.edited"):
    """A comment's content was replaced by this one."""


class CommentDeleted(_OnPage, frozen=True, kw_only=True, tag="comment.deleted"):
    """A comment vanished from its page."""


class CommentRestored(_OnPage, frozen=True, kw_only=True, tag="comment.restored"):
    """A deleted comment came back; its content is the one last known."""


CommentEvent = CommentCreated | CommentEdited | CommentDeleted | CommentRestored
