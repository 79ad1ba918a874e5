"""Looking whether an action is on VK already, after an answer was lost or the process was killed in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from services.ingest.connectors.connector import Done
from services.ingest.connectors.failure import Gone, NotAllowed, Refused, Unclear
from services.ingest.connectors.vk.api import Api, Method, Token, TokenKind, token
from services.ingest.connectors.vk.comment import as_comment
from services.ingest.connectors.vk.decoding import flattened
from services.ingest.connectors.vk.payload import Comment, flag, items, positive, table, whole, words
from services.ingest.connectors.vk.place import Kind, Place, owner_of
from services.ingest.connectors.vk.sections import THREADED, is_last
from services.ingest.connectors.vk.text import plain
from services.ingest.sources.source import Source
from shared.events import Action

MAX_CALLS = 40
"""Calls of one look; what would take more cannot be told."""
PAGE = 100
"""Comments in one answer."""
THREAD = 10
SLACK = 120
"""Seconds that our clock may be ahead of VK's."""

_READERS: dict[Kind, tuple[TokenKind, ...]] = {
    "wall": ("user", "service"),
    "board": ("user", "service"),
    "photo": ("user",),
    "video": ("user",),
    "market": ("user",),
}


class Looking:
    """Reads what is there."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def look(self, source: Source, action: Action, place: Place, number: int) -> Done | None:
        """See `Connector.look`. What is the same done twice as done once (closing, and a deletion or a ban that cannot
        be looked up) is told as not done, so that it is done again rather than left to a person."""
        if action.kind == "reply":
            return await self._reply(source, action, place, number)
        try:
            if action.kind == "delete" and place.kind in ("wall", "board"):
                gone = await self._find(source, place, number) is None
                return Done(link=place.link()) if gone else None
            if action.kind == "ban":
                return await self._banned(source, place, number)
        except Unclear:
            return None
        return None

    async def author(self, source: Source, place: Place, number: int) -> int | None:
        """Who wrote a comment; None where it is not there any more."""
        found = await self._find(source, place, number)
        return None if found is None else whole(found.from_id)

    async def _reply(self, source: Source, action: Action, place: Place, number: int) -> Done | None:
        """Our own words, from the page, in answer to that comment, not older than the order to write them."""
        owner, sought = owner_of(source.page), plain(action.text or "")
        earliest = action.ordered_at.timestamp() - SLACK
        async for comment in self._newest(source, place, number, since=earliest):
            answers = positive(comment.reply_to_comment)
            if (
                whole(comment.from_id) == owner
                and (place.kind == "board" or answers == number)
                and (whole(comment.date) or 0) >= earliest
                and not flag(comment.deleted)
                and plain(words(comment.text)) == sought
                and (made := positive(comment.id)) is not None
            ):
                return Done(comment=f"vk:{place.comment(made)}", link=place.link(made))
        return None

    async def _banned(self, source: Source, place: Place, number: int) -> Done | None:
        user = token(source, "user")
        author = await self.author(source, place, number)
        if user is None or author is None:
            raise Unclear("whom the ban is about cannot be found out any more")
        try:
            given: dict[str, int | str] = {"group_id": abs(place.owner), "owner_id": author}
            answer = await self._api.read(user, "groups.getBanned", given)
        except (Gone, Refused):
            return None
        return Done(link=place.link()) if items(table(answer).get("items")) else None

    async def _find(self, source: Source, place: Place, number: int) -> Comment | None:
        """A comment; None where it is deleted, or what it stood under is gone (or, below a video, in a thread)."""
        # An application's token cannot ask for one comment of a wall, which may stand in any thread.
        reader = token(source, "user") if place.kind == "wall" else self._reader(source, place)
        if reader is None:
            raise Unclear("one comment of a wall can only be looked up with a user's token")
        try:
            if place.kind == "wall":
                given: dict[str, int | str] = {"owner_id": place.owner, "comment_id": number}
                answer = await self._api.read(reader, "wall.getComment", given)
            else:
                answer = await self._api.read(reader, *_one(place, number))
        except Gone:
            return None
        except (NotAllowed, Refused) as error:
            raise Unclear(f"cannot be looked up: {error.detail}") from None
        for each in items(table(answer).get("items")):
            for comment in flattened(each):
                if positive(comment.id) == number:
                    return None if flag(comment.deleted) else comment
        return None

    async def _newest(self, source: Source, place: Place, number: int, *, since: float) -> AsyncIterator[Comment]:
        """What may have been written in answer to a comment, newest first on each level."""
        reader = self._reader(source, place)
        calls, threaded = 0, place.kind in THREADED
        roots = [await self._root(reader, place, number)] if threaded else [0]
        while roots:
            root, offset = roots.pop(), 0
            while True:
                calls += 1
                if calls > MAX_CALLS:
                    raise Unclear(f"not found among what {MAX_CALLS} calls can read")
                answer = await self._level(reader, place, root, offset)
                found = items(table(answer).get("items"))
                for each in found:
                    for comment in flattened(each):
                        yield comment
                    if not root:
                        roots += _unread(each)
                offset += PAGE
                # A new answer can stand in an old thread, so that only one level by itself ends with its dates.
                old = bool(found) and (whole(table(found[-1]).get("date")) or 0) < since
                level_alone = bool(root) or not threaded
                if is_last(answer, limit=PAGE, after=offset, threaded=threaded) or (old and level_alone):
                    break

    async def _level(self, reader: Token, place: Place, root: int, offset: int) -> dict[str, Any]:
        try:
            return table(await self._api.read(reader, *_answers(place, root, offset)))
        except Gone:
            return {}
        except (NotAllowed, Refused) as error:
            raise Unclear(f"cannot be looked up: {error.detail}") from None

    async def _root(self, reader: Token, place: Place, number: int) -> int:
        """The root of the thread that an answer to the comment stands in; 0 where all threads must be looked through,
        since an application's token cannot ask for one comment."""
        if place.kind != "wall" or reader.kind != "user":
            return 0
        try:
            given: dict[str, int | str] = {"owner_id": place.owner, "comment_id": number}
            answer = table(await self._api.read(reader, "wall.getComment", given))
        except (Gone, NotAllowed, Refused):
            return 0
        comment = as_comment(next(iter(items(answer.get("items"))), None))
        if comment is None:
            return 0
        stack = items(comment.parents_stack)
        return (positive(stack[0]) if stack else None) or number

    def _reader(self, source: Source, place: Place) -> Token:
        reader = token(source, *_READERS[place.kind])
        if reader is None:
            raise Unclear("none of the source's tokens can read it back")
        return reader


def _one(place: Place, number: int) -> Method:
    return _listing(place, {"start_comment_id": number, "count": 1})


def _answers(place: Place, root: int, offset: int) -> Method:
    given: dict[str, int | str] = {"count": PAGE, "offset": offset, "sort": "desc"}
    if root:
        given["comment_id"] = root
    elif place.kind in THREADED:
        given["thread_items_count"] = THREAD
    return _listing(place, given)


def _listing(place: Place, given: dict[str, int | str]) -> Method:
    match place.kind:
        case "wall":
            return "wall.getComments", given | {
                "owner_id": place.owner,
                "post_id": place.object,
                "preview_length": 0,
            }
        case "board":
            return "board.getComments", given | {"group_id": -place.owner, "topic_id": place.object}
        case "photo":
            return "photos.getComments", given | {"owner_id": place.owner, "photo_id": place.object}
        case "video":
            return "video.getComments", given | {"owner_id": place.owner, "video_id": place.object}
        case "market":
            return "market.getComments", given | {"owner_id": place.owner, "item_id": place.object}


def _unread(each: object) -> list[int]:
    """The thread below a comment, where not all of it came along."""
    thread, root = table(table(each).get("thread")), positive(table(each).get("id"))
    short = (whole(thread.get("count")) or 0) > len(items(thread.get("items")))
    return [root] if root and short else []
