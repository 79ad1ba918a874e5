"""VK's objects as far as we read them, so tolerant that nothing but an id can be missing. Pure.

Recorded payloads contradict the published schema (fields that it requires are missing, ids that it calls non-negative
are negative), so every field may be anything, and `whole` and `words` take out what is of use.
"""

from __future__ import annotations

from typing import Any

import msgspec

from services.ingest.connectors.tolerance import parse

MAX_WHOLE = 2**63 - 1
"""VK's ids are 64 bits."""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment in an event or in the answer to a method, of any kind."""

    id: Any = None
    from_id: Any = None
    date: Any = None
    text: Any = None
    attachments: Any = None
    deleted: Any = None
    reply_to_comment: Any = None
    """The comment replied to."""
    parents_stack: Any = None
    """Nothing but the thread's root."""
    thread: Any = None
    post_type: Any = None
    """`reply` where a comment stands among posts."""
    owner_id: Any = None
    post_owner_id: Any = None
    photo_owner_id: Any = None
    video_owner_id: Any = None
    market_owner_id: Any = None
    topic_owner_id: Any = None
    post_id: Any = None
    photo_id: Any = None
    pid: Any = None
    """The photo's id in `photos.getAllComments`."""
    video_id: Any = None
    item_id: Any = None
    topic_id: Any = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What surrounds an event, in a call of the hook and in the answer to a long poll alike."""

    type: Any = None
    group_id: Any = None
    event_id: Any = None
    content: Any = msgspec.field(name="object", default=None)


class LongPoll(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a long poll; `ts` is a string, but a number beside `failed`."""

    ts: Any = None
    updates: Any = None
    failed: Any = None


def read_json(payload: bytes) -> Any:
    """The value in `payload`; raises ValueError for what is no JSON or too deep."""
    return parse(payload)


def whole(value: object) -> int | None:
    """`value` as a whole number of 64 bits; numbers in strings count too."""
    if isinstance(value, str) and len(value) < 20 and value.removeprefix("-").isdecimal() and value.isascii():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -MAX_WHOLE <= value <= MAX_WHOLE:
        return value
    return None


def positive(value: object) -> int | None:
    """As `whole`, above zero: ids of comments and of what they stand under."""
    number = whole(value)
    return number if number is not None and number > 0 else None


def words(value: object) -> str:
    """`value` where it is a string."""
    return value if isinstance(value, str) else ""


def flag(value: object) -> bool:
    """VK writes yes as true or as 1."""
    return value is True or value == 1


def items(value: object) -> list[Any]:
    """`value` where it is a list."""
    return value if isinstance(value, list) else []


def table(value: object) -> dict[str, Any]:
    """`value` where it is an object."""
    return value if isinstance(value, dict) else {}
