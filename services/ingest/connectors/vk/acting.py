"""Doing on VK what was decided: answering, deleting, banning, closing comments."""

from __future__ import annotations

from typing import Any

from services.ingest.connectors.connector import Done
from services.ingest.connectors.failure import Gone, NotAllowed, Refused, Unclear
from services.ingest.connectors.vk.api import Api, Method, TokenKind, needed
from services.ingest.connectors.vk.looking import Looking
from services.ingest.connectors.vk.payload import positive, table
from services.ingest.connectors.vk.place import Kind, Place, find_comment, owner_of
from services.ingest.sources.source import Source
from shared.events import Action, ActionKind

MAX_REPLY = 16_384
"""Characters of a comment that VK takes."""

_OBJECTS: dict[Kind, str] = {
    "wall": "post_id",
    "photo": "photo_id",
    "video": "video_id",
    "market": "item_id",
    "board": "topic_id",
}
_SECTIONS: dict[Kind, str] = {
    "wall": "wall",
    "photo": "photos",
    "video": "video",
    "market": "market",
    "board": "board",
}
"""The first half of the methods' names."""
_BY_COMMUNITY: dict[Kind, tuple[ActionKind, ...]] = {"wall": ("reply", "close_comments"), "board": ("delete",)}
"""What the community's own token does."""


class Acting:
    """Carries out actions; each call does one thing at most once."""

    def __init__(self, api: Api, looking: Looking) -> None:
        self._api = api
        self._looking = looking

    async def act(self, source: Source, action: Action, key: str) -> Done:
        """See `Connector.act`. Raises Refused for an action that is not about a comment of the source's page."""
        place, number = target(source, action)
        match action.kind:
            case "reply":
                return await self._reply(source, action, place, number, key=key)
            case "delete":
                await self._delete(source, place, number)
            case "ban":
                await self._ban(source, place, number)
            case "close_comments":
                await self._close(source, place)
        return Done(link=place.link())

    async def _reply(self, source: Source, action: Action, place: Place, number: int, *, key: str) -> Done:
        text = action.text or ""
        if not text.strip() or len(text) > MAX_REPLY:
            raise Refused(f"a reply needs 1 to {MAX_REPLY} characters")
        # Only the wall knows replies with the community's own token.
        kinds: tuple[TokenKind, ...] = ("community", "user") if place.kind == "wall" else ("user",)
        answer = await self._api.write(needed(source, *kinds), *_reply(place, number, text, key))
        made = positive(table(answer).get("comment_id")) or positive(answer)
        if made is None:
            raise Unclear("VK names no comment that came to be")
        return Done(comment=f"vk:{place.comment(made)}", link=place.link(made))

    async def _delete(self, source: Source, place: Place, number: int) -> None:
        if place.kind == "wall":
            given: dict[str, int | str] = {"owner_id": place.owner, "post_id": place.object, "comment_id": number}
            await self._api.write(needed(source, "user"), "wall.deleteComment", given)
        elif place.kind == "board":
            given = {"group_id": -place.owner, "topic_id": place.object, "comment_id": number}
            await self._api.write(needed(source, "user", "community"), "board.deleteComment", given)
        else:
            # The methods for photos, videos and goods name the owner and the comment's number only, and these numbers
            # begin anew with each photo: what would be deleted is not sure.
            raise NotAllowed(f"VK cannot be told below which {place.kind} the comment stands: delete it on the site")

    async def _ban(self, source: Source, place: Place, number: int) -> None:
        user = needed(source, "user")
        author = await self._looking.author(source, place, number)
        if author is None:
            raise Gone("whoever wrote the comment cannot be found out any more")
        if f"vk:{author}" == source.page:
            raise Refused("the page cannot be banned from itself")
        await self._api.write(user, "groups.ban", {"group_id": _group(source), "owner_id": author})

    async def _close(self, source: Source, place: Place) -> None:
        if place.kind == "wall":
            given: dict[str, int | str] = {"owner_id": place.owner, "post_id": place.object}
            await self._api.write(needed(source, "community", "user"), "wall.closeComments", given)
        elif place.kind == "board":
            given = {"group_id": -place.owner, "topic_id": place.object}
            await self._api.write(needed(source, "user"), "board.closeTopic", given)
        else:
            raise NotAllowed("VK closes comments below posts and topics only")


def target(source: Source, action: Action) -> tuple[Place, int]:
    """What an action is about; raises Refused where that is no comment on the source's page."""
    found = find_comment(action.comment)
    if found is None or action.page != source.page or found[0].owner != owner_of(source.page):
        raise Refused("not a comment of this page")
    return found


def kinds_for(source: Source, comment: str | None = None) -> tuple[ActionKind, ...]:
    """See `Connector.acts`."""
    secrets = source.secrets
    if secrets.user_token:
        return ("reply", "delete", "ban", "close_comments") if (owner_of(source.page) or 0) < 0 else ("reply", "delete")
    if not secrets.community_token:
        return ()
    found = None if comment is None else find_comment(comment)
    return ("reply", "delete", "close_comments") if found is None else _BY_COMMUNITY.get(found[0].kind, ())


def _reply(place: Place, number: int, text: str, key: str) -> Method:
    given: dict[str, Any] = {"message": text, "guid": key}
    if place.kind == "board":
        # Topics know no replies; the answer stands below the question.
        given |= {"group_id": -place.owner, "topic_id": place.object, "from_group": 1}
        return "board.createComment", given
    given |= {"owner_id": place.owner, _OBJECTS[place.kind]: place.object, "reply_to_comment": number}
    if place.owner < 0:
        # The wall wants to know which community speaks, the others only that it does.
        given["from_group"] = -place.owner if place.kind == "wall" else 1
    return f"{_SECTIONS[place.kind]}.createComment", given


def _group(source: Source) -> int:
    owner = owner_of(source.page)
    if owner is None or owner >= 0:
        raise NotAllowed("only communities can ban")
    return -owner
