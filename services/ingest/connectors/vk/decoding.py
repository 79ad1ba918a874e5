"""VK's payloads as events: calls of the hook, answers to a long poll, answers to methods. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from services.ingest.connectors.received import NotThisPlatform, Received, skipped, unusable
from services.ingest.connectors.vk.comment import as_comment, place_of, received
from services.ingest.connectors.vk.payload import Comment, Envelope, flag, items, positive, read_json, table, whole
from services.ingest.connectors.vk.place import KINDS, Kind, Place, owner_of
from services.ingest.submission import EventKind

EXPECTED = "not a payload of VK: expected an event with `type`, an answer to a long poll or to a method"
MAX_KEY = 120
"""Characters of an event's id; VK's have 40."""

_STEMS: dict[str, Kind] = {
    "wall_reply": "wall",
    "photo_comment": "photo",
    "video_comment": "video",
    "market_comment": "market",
    "board_post": "board",
}
_ENDINGS: dict[str, EventKind] = {"new": "created", "edit": "edited", "delete": "deleted", "restore": "restored"}
COMMENT_EVENTS: dict[str, tuple[Kind, EventKind]] = {
    f"{stem}_{ending}": (kind, event) for stem, kind in _STEMS.items() for ending, event in _ENDINGS.items()
}
"""Types of the events that tell of comments."""
_OTHER = frozenset(
    (
        "app_payload",
        "audio_new",
        "confirmation",
        "donut_money_withdraw",
        "donut_money_withdraw_error",
        "donut_subscription_cancelled",
        "donut_subscription_create",
        "donut_subscription_expired",
        "donut_subscription_price_changed",
        "donut_subscription_prolonged",
        "group_change_photo",
        "group_change_settings",
        "group_join",
        "group_leave",
        "group_officers_edit",
        "lead_forms_new",
        "like_add",
        "like_remove",
        "market_order_edit",
        "market_order_new",
        "message_allow",
        "message_deny",
        "message_edit",
        "message_event",
        "message_new",
        "message_reaction_event",
        "message_read",
        "message_reply",
        "message_typing_state",
        "messages_edit",
        "photo_new",
        "poll_vote_new",
        "user_block",
        "user_unblock",
        "video_new",
        "vkpay_transaction",
        "wall_post_new",
        "wall_repost",
        "wall_schedule_post_delete",
        "wall_schedule_post_new",
    )
)
"""Types that are skipped under their own name; all others are skipped as unknown, so that reasons stay few."""


def decode(payload: bytes, page: str | None = None) -> list[Received]:
    """See `Connector.decode`."""
    try:
        value = read_json(payload)
    except ValueError:
        raise NotThisPlatform(EXPECTED) from None
    if not isinstance(value, dict):
        raise NotThisPlatform(EXPECTED)
    if isinstance(value.get("updates"), list) and "ts" in value:
        return [read_update(each, page) for each in value["updates"]] or [skipped("no updates")]
    if "failed" in value and "type" not in value:
        failed = whole(value["failed"])
        return [skipped(f"long poll failed {failed}" if failed in (1, 2, 3, 4) else "long poll failed")]
    return list(_event(value, page) or _answer(value, page))


def envelope(value: object) -> Envelope | None:
    """`value` where it is an event of any type."""
    try:
        found = msgspec.convert(value, Envelope)
    except msgspec.ValidationError:
        return None
    known = isinstance(found.type, str) and (found.type in COMMENT_EVENTS or found.type in _OTHER)
    surrounded = isinstance(found.content, dict) or positive(found.group_id) is not None
    return found if known or (isinstance(found.type, str) and surrounded) else None


def read_event(found: Envelope, page: str | None) -> Received:
    """What one event amounts to; `page` where it does not name its community."""
    group = positive(found.group_id)
    page = page if group is None else f"vk:-{group}"
    named = isinstance(found.event_id, str) and 0 < len(found.event_id) <= MAX_KEY
    key = f"{group}:{found.event_id}" if named and group is not None else None
    if found.type not in COMMENT_EVENTS:
        return skipped(found.type if found.type in _OTHER else "unknown type", key)
    kind, event = COMMENT_EVENTS[found.type]
    comment = as_comment(found.content)
    if comment is None:
        return unusable(f"{found.type} without an object", found, key)
    place = place_of(comment, kind, None if page is None else owner_of(page))
    if place is None or positive(comment.id) is None:
        return unusable(f"{found.type} without ids", found, key)
    return received(comment, place, event=event, key=key)


def read_update(value: object, page: str | None) -> Received:
    """What one event among the answers to a long poll amounts to."""
    found = envelope(value)
    return unusable("unreadable update", value) if found is None else read_event(found, page)


def _event(value: dict[str, Any], page: str | None) -> list[Received]:
    found = envelope(value)
    if found is not None:
        return [read_event(found, page)]
    if "type" in value or not isinstance(value.get("object"), dict):
        return []
    # Somebody kept the object alone: with a text it tells how the comment stands, without one nothing for sure.
    comment = as_comment(value["object"])
    if comment is None or positive(comment.id) is None or "text" not in value["object"]:
        return [skipped("event without a type")]
    return [_standing(comment, None, page)]


def _answer(value: dict[str, Any], page: str | None) -> Iterator[Received]:
    if "response" in value:
        listed: list[Any] = value["response"] if isinstance(value["response"], list) else [value["response"]]
    elif isinstance(value.get("items"), list) or _is_comment(value):
        listed = [value]
    elif isinstance(value.get("error"), dict) and whole(value["error"].get("error_code")) is not None:
        yield skipped("answer with an error")
        return
    else:
        raise NotThisPlatform(EXPECTED)
    told = False
    for each in listed:
        found = [each] if _is_comment(each) else items(table(each).get("items"))
        for one in _items(found, page):
            told = True
            yield one
    if not told:
        yield skipped("answer without comments")


def _items(listed: list[Any], page: str | None) -> Iterator[Received]:
    """Comments and the threads below them. One answer is about one post, so that what does not name it (a deleted
    comment) stands where the others do."""
    comments = [comment for each in listed for comment in flattened(each)]
    owner = None if page is None else owner_of(page)
    places = (place for comment in comments if (place := _own_place(comment, owner)))
    shared = next(places, None)
    for comment in comments:
        yield _standing(comment, shared, page)


def flattened(value: object) -> Iterator[Comment]:
    """A comment and those of its thread; nothing for what is no object."""
    waiting = [value]
    while waiting:
        comment = as_comment(waiting.pop())
        if comment is not None:
            yield comment
            waiting += reversed(items(table(comment.thread).get("items")))


def _standing(comment: Comment, place: Place | None, page: str | None) -> Received:
    if comment.post_type not in (None, "reply") or (comment.from_id is None and not flag(comment.deleted)):
        return skipped("not a comment")
    place = _own_place(comment, None if page is None else owner_of(page)) or place
    if place is None:
        return unusable("comment without its post", comment)
    event: EventKind = "deleted" if flag(comment.deleted) else "created"
    return received(comment, place, event=event)


def _own_place(comment: Comment, owner: int | None) -> Place | None:
    # A wall's comment may carry the id of the photo that its post consists of: the wall is asked first.
    return next((place for kind in KINDS if (place := place_of(comment, kind, owner))), None)


def _is_comment(value: object) -> bool:
    fields = table(value)
    return positive(fields.get("id")) is not None and "from_id" in fields and "date" in fields and "text" in fields
