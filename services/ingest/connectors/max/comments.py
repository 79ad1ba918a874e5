"""What is read of MAX's objects; every field may be missing. `seq` is not read: `mid` holds it, as text."""

from __future__ import annotations

import msgspec

from services.ingest.connectors.tolerance import Whole

COMMENT_UPDATES = ("comment_created", "comment_edited", "comment_removed")

UPDATES = frozenset(
    {
        "bot_added", "bot_admin_permissions_changed", "bot_removed", "bot_started", "bot_stopped",
        "chat_title_changed", "dialog_cleared", "dialog_muted", "dialog_removed", "dialog_unmuted",
        "message_callback", "message_chat_created", "message_created", "message_edited", "message_removed",
        "user_added", "user_removed",
    }
)  # fmt: skip
"""Kinds of update that bring no comment. A post is a `message_created`: only what is under it is a comment."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a bot; no name is read. MAX leaves it out where a living person wrote a comment."""

    user_id: Whole | None = None
    is_bot: bool | None = None


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was written: `post_id` is there for comments only."""

    chat_id: Whole | None = None
    post_id: str | None = None


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What an attachment holds."""

    url: str | None = None


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """Something that hangs on a message; the documentation says that comments have none."""

    type: str | None = None
    payload: Payload | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """The content."""

    mid: str | None = None
    text: str | None = None
    attachments: list[Attached] | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """The comment that this one replies to."""

    type: str | None = None
    message: Body | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A comment, or a post."""

    sender: Sender | None = None
    recipient: Recipient | None = None
    timestamp: Whole | None = None
    """Milliseconds; an edit repeats it."""
    link: Link | None = None
    body: Body | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One event; a removal names ids only."""

    update_type: str | None = None
    timestamp: Whole | None = None
    message: Message | None = None
    message_id: str | None = None
    chat_id: Whole | None = None
    post_id: str | None = None
