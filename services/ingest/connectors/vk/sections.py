"""What a page holds that can be commented on, and the methods that read it. Pure.

Walls and topics are read with the token of a user or of an application, photos, videos and goods with a user's alone.
Only walls say what was deleted; elsewhere a deleted comment is just missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from services.ingest.connectors.vk.api import Method, TokenKind
from services.ingest.connectors.vk.payload import flag, items, positive, table, whole
from services.ingest.connectors.vk.place import Kind, Place

LISTED = 40
"""Posts, topics, videos or goods in one answer."""
MAX_LISTED: dict[Kind, int] = {"wall": 2_000, "board": 400, "photo": LISTED, "video": 200, "market": 200}
"""Looked through from the newest on; older ones hardly get comments any more."""
FIRST_LEVEL = 50
"""Comments in one answer that brings threads along."""
ONE_LEVEL = 100
"""Comments in one answer without; the most that VK gives."""
THREAD = 10
"""Replies that come with their root; the most that VK gives."""
THREADED: tuple[Kind, ...] = ("wall", "video")
"""Where answers stand in threads."""
MAX_OFFSET = 100_000
"""Comments read below one post."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of things with comments."""

    kind: Kind
    tokens: tuple[TokenKind, ...]
    listing: Callable[[int, int], Method] | None
    """By owner and offset; None where comments come without a list of what they stand under."""
    fresh: Callable[[dict[str, Any], int], bool]
    """Whether something listed may have comments since a moment."""
    ends: Callable[[dict[str, Any], int], bool]
    """Whether nothing listed after it can have any."""
    comments: Callable[[Place, int, int], Method]
    """By place, thread (0 for none) and offset."""
    oldest_first: bool = False


def _since(field: str) -> Callable[[dict[str, Any], int], bool]:
    return lambda listed, since: (whole(listed.get(field)) or 0) >= since


def _wall(place: Place, thread: int, offset: int) -> Method:
    given: dict[str, int | str] = {"owner_id": place.owner, "post_id": place.object, "offset": offset, "sort": "asc"}
    given |= {"preview_length": 0, "need_likes": 0}
    given |= {"comment_id": thread, "count": ONE_LEVEL} if thread else {"count": FIRST_LEVEL}
    return "wall.getComments", given if thread else given | {"thread_items_count": THREAD}


def _board(place: Place, thread: int, offset: int) -> Method:
    return "board.getComments", {
        "group_id": -place.owner,
        "topic_id": place.object,
        "offset": offset,
        "count": ONE_LEVEL,
        "sort": "desc",
    }


def _photo(place: Place, thread: int, offset: int) -> Method:
    return "photos.getAllComments", {"owner_id": place.owner, "offset": offset, "count": ONE_LEVEL}


def _video(place: Place, thread: int, offset: int) -> Method:
    given: dict[str, int | str] = {"owner_id": place.owner, "video_id": place.object, "offset": offset, "sort": "desc"}
    given |= {"comment_id": thread, "count": ONE_LEVEL} if thread else {"count": FIRST_LEVEL}
    return "video.getComments", given if thread else given | {"thread_items_count": THREAD}


def _market(place: Place, thread: int, offset: int) -> Method:
    return "market.getComments", {
        "owner_id": place.owner,
        "item_id": place.object,
        "offset": offset,
        "count": ONE_LEVEL,
        "sort": "desc",
    }


def _listing(method: str, **given: int) -> Callable[[int, int], Method]:
    return lambda owner, offset: (method, {"owner_id": owner, "count": LISTED, "offset": offset} | given)


def _topics(owner: int, offset: int) -> Method:
    # Order 1: what was written in last comes first.
    return "board.getTopics", {"group_id": -owner, "order": 1, "count": LISTED, "offset": offset}


SECTIONS: tuple[Section, ...] = (
    Section(
        kind="wall",
        tokens=("user", "service"),
        listing=_listing("wall.get"),
        fresh=_since("date"),
        # A pinned post stands first, however old it is.
        ends=lambda listed, since: not flag(listed.get("is_pinned")) and (whole(listed.get("date")) or 0) < since,
        comments=_wall,
        oldest_first=True,
    ),
    Section(
        kind="board",
        tokens=("user", "service"),
        listing=_topics,
        fresh=_since("updated"),
        ends=lambda listed, since: not flag(listed.get("is_fixed")) and (whole(listed.get("updated")) or 0) < since,
        comments=_board,
    ),
    Section(
        kind="photo",
        tokens=("user",),
        listing=None,
        fresh=lambda listed, since: True,
        ends=lambda listed, since: True,
        comments=_photo,
    ),
    Section(
        kind="video",
        tokens=("user",),
        listing=_listing("video.get"),
        fresh=lambda listed, since: bool(positive(listed.get("comments"))),
        ends=lambda listed, since: False,
        comments=_video,
    ),
    Section(
        kind="market",
        tokens=("user",),
        listing=_listing("market.get"),
        fresh=lambda listed, since: True,
        ends=lambda listed, since: False,
        comments=_market,
    ),
)


def is_last(answer: dict[str, Any], *, limit: int, after: int, threaded: bool = False) -> bool:
    """Whether nothing comes from offset `after` on. VK leaves out of an answer what may not be seen: one with fewer
    than `limit` is the last only where VK counts no more. Where there are threads, `count` is that of all levels."""
    found, on_level = items(answer.get("items")), whole(answer.get("current_level_count"))
    if not found or on_level is not None:
        return not found or after >= (on_level or 0)
    total = None if threaded else whole(answer.get("count"))
    return len(found) < limit and (total is None or after >= total)


def more(section: Section, answer: dict[str, Any], *, thread: int, offset: int, since: int) -> int | None:
    """The offset of the next comments on one level; None where there are none, or none since `since`."""
    found = items(answer.get("items"))
    threaded = section.kind in THREADED
    limit = FIRST_LEVEL if threaded and not thread else ONE_LEVEL
    after = offset + limit
    if after > MAX_OFFSET or is_last(answer, limit=limit, after=after, threaded=threaded):
        return None
    newest_first = not section.oldest_first and not thread
    if newest_first and (whole(table(found[-1]).get("date")) or 0) < since:
        return None
    return after
