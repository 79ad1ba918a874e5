"""What Odnoklassniki's answers become. Pure.

A comment comes only by `discussions.getComments` and `getComment`: the platform's hooks tell of direct messages. Its id
is the base64 of `<ms>:<-n>:<ms>:<topic>:1`, from which topic and time are taken where nothing else says them.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.ingest.connectors.ok.answer import Item, item, items, parse, text, whole
from services.ingest.connectors.received import NotThisPlatform, Received, skipped, unusable
from services.ingest.submission import FIRST_YEAR, LAST_YEAR, Submission, SubmittedAttachment
from shared.events.base import MAX_ATTACHMENTS, MAX_TEXT

MAX_ID = 120
"""Characters of a comment's id; recorded ones have 68. With topic and platform in front it must stay below 200."""
MAX_AUTHOR = 100

_ID = re.compile(r"[A-Za-z0-9._:=+/-]+")
_TOPIC = re.compile(r"[0-9]{1,20}")
_PAGE = re.compile(r"ok:[0-9A-Za-z._-]{1,100}")
_KINDS = {
    "PHOTO": "photo",
    "MOVIE": "video",
    "VIDEO": "video",
    "MUSIC": "audio",
    "AUDIO_RECORDING": "voice",
    "FILE": "document",
    "LINK": "link",
    "SHARE": "link",
    "STICKER": "sticker",
    "POLL": "poll",
}
_HOOKS = {"CONFIRMATION": "webhook confirmation", "MESSAGE_CREATED": "direct message"}
_OTHER = (
    ("discussion", "discussion"),
    ("topics", "list of topics"),
    ("media_topics", "list of topics"),
    ("feeds", "list of topics"),
    ("error_code", "error answer"),
    ("uid", "group or user"),
)


def decode(payload: bytes, page: str | None = None) -> list[Received]:
    """As `Connector.decode`. `page` is needed: no answer says which group it is about."""
    value = parse(payload)
    answers = value if isinstance(value, list) else [value]
    received = [event for answer in answers for event in _events(answer, page)]
    return received or [skipped("nothing in it")]


def comment(entry: Item, page: str, topic: str | None, groups: frozenset[str] = frozenset()) -> Received:
    """The event of one comment as it stands under `topic`, or the reason why it is none.

    `groups` are ids that are known to be groups'.
    """
    local = text(entry.get("id"))
    if local is None or len(local) > MAX_ID or not _ID.fullmatch(local):
        return unusable("comment without a usable id", entry)
    inner = _inner(local)
    topic = topic or (inner[3] if inner else None)
    if topic is None or not _TOPIC.fullmatch(topic):
        return unusable("comment without a topic", entry)
    author, community = _author(entry, groups)
    parent = text(entry.get("reply_to_comment_id"))
    if parent is not None and (len(parent) > MAX_ID or not _ID.fullmatch(parent)):
        parent = None
    own = author is not None and author == page.partition(":")[2]
    words = text(entry.get("text")) or ""
    return Received(
        read_back=True,
        submission=Submission(
            platform="ok",
            page=page,
            id=f"{topic}:{local}",
            post=topic,
            parent=f"{topic}:{parent}" if parent else None,
            author=author,
            author_kind="page" if own else "community" if community else "person",
            text=words[:MAX_TEXT],
            attachments=_attachments(entry.get("attachments")),
            posted_at=posted_at(entry),
        ),
    )


def gone(page: str, topic: str, local: str) -> Received:
    """The event of a comment that is not under its topic any more."""
    submission = Submission(platform="ok", page=page, id=f"{topic}:{local}", post=topic, event="deleted")
    return Received(read_back=True, submission=submission)


def posted_at(entry: Item) -> datetime | None:
    """When the comment was written. `date` has no zone and is Moscow's; without it the id says the millisecond."""
    date = text(entry.get("date"))
    if date is not None:
        try:
            moment = datetime.strptime(date, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_moscow())
        except ValueError:
            pass
        else:
            if FIRST_YEAR < moment.year < LAST_YEAR:
                return moment.astimezone(UTC)
    inner = _inner(text(entry.get("id")) or "")
    return _from_milliseconds(whole(inner[0])) if inner else None


def _events(answer: object, page: str | None) -> list[Received]:
    entry = item(answer)
    found = entry.get("comments")
    if isinstance(found, list):
        comments, topic = items(found), text(entry.get("discussionId"))
    elif isinstance(entry.get("comment"), dict):
        comments, topic = [item(entry["comment"])], text(entry.get("discussionId"))
    elif "id" in entry and ("text" in entry or "author_id" in entry or "date" in entry):
        comments, topic = [entry], None
    else:
        return [skipped(_other(entry))]
    if not comments:
        return [skipped("no comments")]
    if page is None or not _PAGE.fullmatch(page):
        return [skipped("comment of an unknown group") for _ in comments]
    groups = frozenset(filter(None, (text(it.get("uid")) for it in items(item(entry.get("entities")).get("groups")))))
    if topic is not None and not _TOPIC.fullmatch(topic):
        topic = None
    return [comment(it, page, topic, groups) for it in comments]


def _other(entry: Item) -> str:
    if "webhookType" in entry:
        return _HOOKS.get(text(entry["webhookType"]) or "", "webhook")
    if "message" in entry and ("sender" in entry or "recipient" in entry):
        return "direct message"
    for name, reason in _OTHER:
        if name in entry:
            return reason
    raise NotThisPlatform("expected comments, a discussion or a hook of Odnoklassniki")


def _author(entry: Item, groups: frozenset[str]) -> tuple[str | None, bool]:
    """The author's bare id, and whether it is a group's."""
    reference = text(entry.get("author_ref")) or text(entry.get("author_id")) or ""
    kind, _, rest = reference.rpartition(":")
    author = text(entry.get("author_id")) or rest
    author = author.rpartition(":")[2]
    if not author or len(author) > MAX_AUTHOR:
        return None, False
    return author, kind == "group" or text(entry.get("author_type")) == "GROUP" or author in groups


def _attachments(value: object) -> tuple[SubmittedAttachment, ...]:
    kinds = [_KINDS.get((text(it.get("type")) or "").upper(), "other") for it in items(value)]
    return tuple(SubmittedAttachment(kind=kind) for kind in kinds[:MAX_ATTACHMENTS])  # type: ignore[arg-type]  # the values of _KINDS are an attachment's kinds


def _inner(local: str) -> list[str] | None:
    """The five parts of a comment's id, where it is of the recorded kind."""
    try:
        parts = base64.b64decode(local + "=" * (-len(local) % 4), validate=True).decode("ascii").split(":")
    except (binascii.Error, ValueError):
        return None
    return parts if len(parts) == 5 and _TOPIC.fullmatch(parts[3]) else None


def _from_milliseconds(value: int | None) -> datetime | None:
    # The bounds are those of the years that a submission may name.
    if value is None or not 0 < value < 4_070_908_800_000:
        return None
    return datetime.fromtimestamp(value / 1_000, UTC)


@cache
def _moscow() -> tzinfo:
    try:
        return ZoneInfo("Europe/Moscow")
    except ZoneInfoNotFoundError:
        # No table of zones on this machine; Moscow has kept this one since October 2014.
        return timezone(timedelta(hours=3))
