"""Reads back what a channel holds: its posts of the last days, and their comments, newest first."""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec

from services.ingest.connectors.connector import Polled
from services.ingest.connectors.failure import Gone, NotAllowed, Refused
from services.ingest.connectors.max.api import MaxApi, Unanswered
from services.ingest.connectors.max.comments import Message
from services.ingest.connectors.max.decoding import of_messages
from services.ingest.connectors.received import Received, skipped
from services.ingest.connectors.tolerance import Unreadable, fit
from services.ingest.sources.source import Source

DAYS = 14
"""Comments of older posts are rare, and reach us by the hook."""
POSTS = 40
"""Of one page, so that the cursor, which holds their ids, stays within 4,096 bytes."""
COMMENTS = 100
"""Of one page; MAX gives no more."""
MAX_TRIES = 3
"""To read one post's comments, before it is left for the next time."""
TRY_SECONDS = 5.0
_DAY = 86_400_000

_POST = re.compile(r"[A-Za-z0-9._-]{1,80}", re.ASCII)


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a backfill has come; times are milliseconds."""

    posts: tuple[str, ...] = ()
    """Whose comments are still to be read, the first one in part."""
    comments_before: int | None = None
    """Where the first post's next page begins."""
    posts_before: int | None = None
    """Where the next page of posts begins."""
    listed: bool = False
    """All posts were listed."""
    tries: int = 0


def path_of(post: str, comment: str | None = None) -> str:
    """The address of a post's comments, or of one."""
    path = f"/messages/{quote(post, safe='')}/comments"
    return path if comment is None else f"{path}/{quote(comment, safe='')}"


def place_of(cursor: bytes | None) -> Place:
    """What a cursor tells; one that cannot be read begins anew."""
    try:
        return msgspec.json.decode(cursor, type=Place) if cursor else Place()
    except msgspec.MsgspecError:
        return Place()


async def step(api: MaxApi, source: Source, cursor: bytes | None, now: float) -> Polled | None:
    """As `Connector.backfill`; `now` in seconds."""
    place = place_of(cursor)
    if place.posts:
        return await _comments(api, source, place)
    return None if place.listed else await _posts(api, source, place, int(now * 1_000) - DAYS * _DAY)


async def _posts(api: MaxApi, source: Source, place: Place, since: int) -> Polled:
    query = {"chat_id": source.page.removeprefix("max:"), "count": str(POSTS)}
    if place.posts_before is not None:
        query["before"] = str(place.posts_before)
    value, payload = await api.read(source.secrets.bot_token, "/messages", query)
    messages = messages_of(value)
    recent = [it for it in messages if time_of(it) >= since]
    mids = dict.fromkeys(mid for it in recent if it.body and (mid := it.body.mid) and _POST.fullmatch(mid))
    following = next_before(messages, POSTS, place.posts_before)
    after = Place(
        posts=tuple(mids)[:POSTS],
        posts_before=following,
        listed=following is None or any(0 < time_of(it) < since for it in messages),
    )
    return Polled(events=(), cursor=msgspec.json.encode(after), payload=payload)


async def _comments(api: MaxApi, source: Source, place: Place) -> Polled:
    post, rest = place.posts[0], msgspec.structs.replace(place, posts=place.posts[1:], comments_before=None, tries=0)
    try:
        messages, events, payload = await page_of(api, source, post, place.comments_before)
    except (Gone, NotAllowed, Refused):
        # This post only: it was deleted meanwhile, or its comments are closed.
        return Polled(events=(skipped("post without readable comments"),), cursor=msgspec.json.encode(rest))
    except Unanswered:
        again = place.tries + 1 < MAX_TRIES
        after = msgspec.structs.replace(place, tries=place.tries + 1) if again else rest
        event = skipped("post that cannot be read now")
        return Polled(events=(event,), cursor=msgspec.json.encode(after), wait=TRY_SECONDS if again else 0.0)
    following = next_before(messages, COMMENTS, place.comments_before)
    after = rest if following is None else msgspec.structs.replace(place, comments_before=following, tries=0)
    return Polled(events=events, cursor=msgspec.json.encode(after), payload=payload)


async def page_of(
    api: MaxApi, source: Source, post: str, before: int | None
) -> tuple[list[Message], tuple[Received, ...], bytes]:
    """One page of a post's comments, newest first: as they came, as events, and as bytes."""
    query = {"count": str(COMMENTS)} | ({} if before is None else {"before": str(before)})
    value, payload = await api.read(source.secrets.bot_token, path_of(post), query)
    messages = messages_of(value)
    raw = value.get("messages") if isinstance(value, dict) else None
    return messages, tuple(of_messages(raw if isinstance(raw, list) else [], source.page, post)), payload


def messages_of(value: object) -> list[Message]:
    """The messages of an answer; one that cannot be read is an empty one, so that a full page stays full."""
    found = []
    raw = value.get("messages") if isinstance(value, dict) else None
    for each in raw if isinstance(raw, list) else []:
        try:
            found.append(fit(each, Message))
        except Unreadable:
            found.append(Message())
    return found


def time_of(message: Message) -> int:
    """Milliseconds; 0 where it does not say."""
    return message.timestamp or 0


def next_before(messages: list[Message], full: int, before: int | None) -> int | None:
    """Where the next page begins, or None behind the last one.

    One millisecond overlaps, in which more may have been written than fitted: what comes twice changes nothing.
    """
    times = [time for it in messages if (time := time_of(it)) > 0]
    if len(messages) < full or not times:
        return None
    oldest = min(times)
    if before is None or oldest + 1 < before:
        return oldest + 1
    return oldest if oldest < before else None
