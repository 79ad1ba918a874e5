"""What Telegram's updates amount to. Pure."""

from __future__ import annotations

from datetime import datetime

from services.ingest.connectors.received import (
    NotThisPlatform,
    PostCopy,
    Received,
    Thread,
    skipped,
    unusable,
)
from services.ingest.connectors.telegram.content import attachments_of, text_of
from services.ingest.connectors.telegram.messages import (
    CHANNEL_ANONYMOUS,
    GROUP_ANONYMOUS,
    SERVICE,
    TELEGRAM,
    UPDATES,
    Message,
)
from services.ingest.connectors.tolerance import Unreadable, fit, moment, parse
from services.ingest.submission import Submission
from shared.events import AuthorKind

NOTHING = "nothing new"


def decode(payload: bytes, page: str | None = None) -> list[Received]:
    """As `Connector.decode`: an Update, an array of them, an answer of getUpdates, or one message.

    A page that neither the caller nor the payload tells is named after the group. Keys need the bot's number, which
    no payload holds: they are there in what `hook` and `poll` bring.
    """
    return events_of(read(payload), page)


def read(payload: bytes) -> object:
    """The payload's JSON; raises NotThisPlatform."""
    try:
        return parse(payload)
    except Unreadable as error:
        raise NotThisPlatform(f"expected a Telegram update as JSON: {error}") from None


def events_of(value: object, page: str | None, bot: str | None = None) -> list[Received]:
    """What `decode` makes of a payload's JSON, with `bot` in the keys."""
    if isinstance(value, dict) and isinstance(value.get("ok"), bool):
        if value["ok"] is False:
            return [skipped("error answer")]
        if not isinstance(value.get("result"), list):
            return [skipped("answer")]
        value = value["result"]
    if isinstance(value, list):
        events = [event for update in value for event in _of_update(update, page, bot)]
        return events or [skipped(NOTHING)]
    if not isinstance(value, dict) or not _is_update(value):
        raise NotThisPlatform("expected a Telegram Update (an object with update_id), or an array of them")
    return _of_update(value, page, bot)


def _is_update(value: dict[str, object]) -> bool:
    if "update_id" in value:
        return True
    told = [value.get(name) for name in ("message", "edited_message", *UPDATES)]
    return _is_message(value) or any(isinstance(it, dict) and _is_message(it) for it in told)


def _is_message(value: dict[str, object]) -> bool:
    return "message_id" in value and "chat" in value


def _of_update(value: object, page: str | None, bot: str | None) -> list[Received]:
    if not isinstance(value, dict):
        return [unusable("unreadable update", value)]
    number = value.get("update_id")
    key = f"{bot}:{number}" if bot is not None and isinstance(number, int) and abs(number) < 2**63 else None
    for name, edited in (("message", False), ("edited_message", True)):
        if name in value:
            return _of_message(value[name], edited, page, key)
    if _is_message(value):
        return _of_message(value, False, page, key)
    return [skipped(next((name for name in value if name in UPDATES), "unknown update"), key)]


def _of_message(value: object, edited: bool, page: str | None, key: str | None) -> list[Received]:
    try:
        message = fit(value, Message)
    except Unreadable:
        return [unusable("unreadable message", value, key)]
    chat = message.chat
    if chat is None or chat.id is None or message.message_id is None:
        return [unusable("message without an address", value, key)]
    group = str(chat.id)
    if message.migrate_to_chat_id is not None:
        return [Received(key=key, moved=(group, str(message.migrate_to_chat_id)))]
    if message.migrate_from_chat_id is not None:
        return [Received(key=key, moved=(str(message.migrate_from_chat_id), group))]
    if isinstance(value, dict) and (service := next((name for name in SERVICE if value.get(name)), None)):
        return [skipped(f"service message: {service}", key)]
    if chat.type in ("private", "channel"):
        return [skipped(f"message in a {'channel' if chat.type == 'channel' else 'private chat'}", key)]
    if message.is_automatic_forward or (message.copies_post and message.origin):
        copy = _copy(group, message)
        linked = bool(message.is_automatic_forward) and not edited
        return [Received(key=key, copy=copy, linked=linked) if copy else skipped("copy of an unknown post", key)]
    return _of_comment(message, group, edited, page, key)


def _of_comment(message: Message, group: str, edited: bool, page: str | None, key: str | None) -> list[Received]:
    replied = message.reply_to_message
    under_post = replied is not None and replied.copies_post
    root = replied.message_id if replied is not None and under_post else message.message_thread_id
    if root is None or message.is_topic_message:
        return [skipped("not a comment", key)]
    if replied is not None and replied.message_id == root and not under_post and replied.date:
        # The beginning of its thread is there to be seen, and is no copy of a post.
        return [skipped("not a comment", key)]
    copy = _copy(group, replied) if replied is not None and under_post else None
    if copy is not None:
        page = f"telegram:{copy.channel}"
    text, attachments = text_of(message), attachments_of(message)
    if not text.strip() and not attachments:
        return [skipped("message without content", key)]
    parent = None
    if replied is not None and replied.message_id is not None and replied.message_id != root:
        parent = f"{group}:{replied.message_id}"
    author, kind = _author(message, group, None if page is None else page.removeprefix("telegram:"))
    comment = Received(
        key=key,
        thread=None if copy else Thread(group=group, copy=str(root)),
        submission=Submission(
            platform="telegram",
            page=page or f"telegram:{group}",
            id=f"{group}:{message.message_id}",
            event="edited" if edited else "created",
            post=copy.post if copy else None,
            parent=parent,
            author=author,
            author_kind=kind,
            text=text,
            attachments=attachments,
            posted_at=_moment(message.date),
        ),
    )
    # A first-level reply tells of the copy once more: the map learns of posts from before the bot came.
    return [Received(copy=copy), comment] if copy else [comment]


def _copy(group: str, message: Message) -> PostCopy | None:
    if message.origin is None or message.message_id is None:
        return None
    channel, post = message.origin
    return PostCopy(thread=Thread(group=group, copy=str(message.message_id)), channel=channel, post=post)


def _author(message: Message, group: str, channel: str | None) -> tuple[str | None, AuthorKind]:
    """Who wrote, and as what: `from` is a placeholder wherever `sender_chat` is there."""
    if message.sender_chat is not None and message.sender_chat.id is not None:
        author = str(message.sender_chat.id)
        return author, "page" if author in (group, channel) else "community"
    sender = message.sender
    if sender is None or sender.id is None:
        return None, "person"
    if sender.id in (GROUP_ANONYMOUS, TELEGRAM):
        return None, "page"
    if sender.id == CHANNEL_ANONYMOUS:
        return None, "community"
    # Another bot in the group is not a person, and nothing tells that it speaks for the page.
    return str(sender.id), "community" if sender.is_bot else "person"


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds * 1_000)
