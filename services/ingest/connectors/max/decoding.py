"""What MAX's updates and answers amount to. Pure."""

from __future__ import annotations

from services.ingest.connectors.max.comments import COMMENT_UPDATES, UPDATES, Attached, Message, Update
from services.ingest.connectors.max.mid import moment_of
from services.ingest.connectors.received import NotThisPlatform, Received, skipped, unusable
from services.ingest.connectors.tolerance import MAX_URL, Unreadable, bounded, fit, is_id, parse
from services.ingest.submission import EventKind, Submission, SubmittedAttachment
from shared.events.base import MAX_ATTACHMENTS

_KINDS = {
    "image": "photo",
    "video": "video",
    "audio": "audio",
    "voice": "voice",
    "file": "document",
    "sticker": "sticker",
    "share": "link",
}
_NO_CONTENT = ("inline_keyboard", "reply_keyboard")
_ANSWERS = (
    ("done", ("success",)),
    ("bot", ("user_id", "is_bot")),
    ("chat", ("chat_id", "type")),
    ("chats", ("chats",)),
    ("members", ("members",)),
    ("subscriptions", ("subscriptions",)),
)
"""Answers that bring no comment, by the fields that each is recognised by."""


def decode(payload: bytes, page: str | None = None) -> list[Received]:
    """As `Connector.decode`: an Update, an answer of `/updates`, of the comments' methods, or another of the API."""
    value = read(payload)
    if isinstance(value, list):
        return [event for each in value for event in _of_update(each, page)] or [skipped("nothing new")]
    if isinstance(value, dict):
        if isinstance(value.get("updates"), list):
            return events_of(value["updates"], page)
        if isinstance(value.get("update_type"), str):
            return _of_update(value, page)
        if isinstance(value.get("messages"), list):
            return of_messages(value["messages"], page)
        if isinstance(value.get("message"), dict) and "body" in value["message"]:
            return of_messages([value["message"]], page)
        if "body" in value and "recipient" in value:
            return of_messages([value], page)
        if value.get("success") is False or (isinstance(value.get("code"), str) and "message" in value):
            return [skipped("error answer")]
        for name, fields in _ANSWERS:
            if all(field in value for field in fields):
                return [skipped(f"answer: {name}")]
    raise NotThisPlatform("expected an Update of MAX (an object with update_type), or an answer of its API")


def read(payload: bytes) -> object:
    """The payload's JSON; raises NotThisPlatform."""
    try:
        return parse(payload)
    except Unreadable as error:
        raise NotThisPlatform(f"expected an update of MAX as JSON: {error}") from None


def events_of(updates: list[object], page: str | None) -> list[Received]:
    """What an answer of `/updates` brings."""
    return [event for each in updates for event in _of_update(each, page)] or [skipped("nothing new")]


def of_messages(messages: list[object], page: str | None, post: str | None = None) -> list[Received]:
    """What a list of comments brings; `post` is the one they were asked for, where they do not name it themselves."""
    found = []
    for value in messages:
        try:
            message = fit(value, Message)
        except Unreadable:
            found.append(unusable("unreadable message", value))
            continue
        named = message.recipient.post_id if message.recipient else None
        found.append(_comment("created", message, page, named or post) if named or post else skipped("a message"))
    return found or [skipped("nothing new")]


def _of_update(value: object, page: str | None) -> list[Received]:
    try:
        update = fit(value, Update)
    except Unreadable:
        return [unusable("unreadable update", value)]
    kind = update.update_type
    if kind not in COMMENT_UPDATES:
        return [skipped(kind if kind in UPDATES else "unknown update")]
    if kind == "comment_removed":
        return [_removal(update, page)]
    message = update.message
    if message is None:
        return [unusable(f"{kind} without message", update)]
    mid = message.body.mid if message.body else None
    post = message.recipient.post_id if message.recipient else None
    event: EventKind = "created" if kind == "comment_created" else "edited"
    return [_comment(event, message, page, post, key=_key(update, mid))]


def _removal(update: Update, page: str | None) -> Received:
    mid = update.message_id
    if update.chat_id is not None:
        page = f"max:{update.chat_id}"
    if mid is None or not is_id(mid) or page is None:
        return unusable("comment_removed without an id", update)
    return Received(
        key=_key(update, mid),
        submission=Submission(
            platform="max",
            page=page,
            id=mid,
            event="deleted",
            post=update.post_id if is_id(update.post_id) else None,
            posted_at=moment_of(None, mid),
        ),
    )


def _comment(
    event: EventKind, message: Message, page: str | None, post: str | None, key: str | None = None
) -> Received:
    body = message.body
    if message.recipient is not None and message.recipient.chat_id is not None:
        page = f"max:{message.recipient.chat_id}"
    if body is None or body.mid is None or not is_id(body.mid) or page is None:
        return unusable("comment without an id", message, key)
    text, attachments = bounded(body.text or ""), _attachments(body.attachments or [])
    if not text.strip() and not attachments:
        return skipped("comment without content", key)
    replied = message.link.message if message.link and message.link.type == "reply" else None
    parent = replied.mid if replied is not None and is_id(replied.mid) and replied.mid != post else None
    sender = message.sender
    return Received(
        key=key,
        submission=Submission(
            platform="max",
            page=page,
            id=body.mid,
            event=event,
            post=post if is_id(post) else None,
            parent=parent,
            author=str(sender.user_id) if sender is not None and sender.user_id is not None else None,
            # Only a channel's administrators can bring a bot to write there. Who is not named may be anybody: MAX
            # names neither the people nor, when it was written in its name, the channel.
            author_kind="page" if sender is not None and sender.is_bot else "person",
            text=text,
            attachments=attachments,
            posted_at=moment_of(message.timestamp, body.mid),
        ),
    )


def _attachments(attached: list[Attached]) -> tuple[SubmittedAttachment, ...]:
    found = []
    for each in attached[:MAX_ATTACHMENTS]:
        if each.type in _NO_CONTENT:
            continue
        url = each.payload.url if each.payload is not None else None
        found.append(
            SubmittedAttachment(
                kind=_KINDS.get(each.type or "", "other"),  # type: ignore[arg-type]  # the table holds its kinds only
                url=url if url and len(url) <= MAX_URL else None,
            )
        )
    return tuple(found)


def _key(update: Update, mid: str | None) -> str | None:
    return f"{update.update_type}:{mid}:{update.timestamp}" if mid and update.timestamp is not None else None
