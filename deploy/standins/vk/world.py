"""What the stand-in's communities hold, and what happens in them; every change becomes an event, as VK tells it."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from typing import Any, Literal

import msgspec

Kind = Literal["wall", "photo", "video", "market", "board"]
Key = tuple[Kind, int, int]
"""Kind, owner and number of what comments stand under."""

STEMS: dict[Kind, str] = {
    "wall": "wall_reply",
    "photo": "photo_comment",
    "video": "video_comment",
    "market": "market_comment",
    "board": "board_post",
}
OBJECTS: dict[Kind, str] = {
    "wall": "post_id",
    "photo": "photo_id",
    "video": "video_id",
    "market": "item_id",
    "board": "topic_id",
}
_OWNERS: dict[Kind, str] = {
    "wall": "post_owner_id",
    "photo": "photo_owner_id",
    "video": "video_owner_id",
    "market": "market_owner_id",
    "board": "topic_owner_id",
}

FIRST_COMMENT = 100
"""Of a wall; posts have the numbers below."""


class Comment(msgspec.Struct, kw_only=True):
    """One comment; `root` is the first of its thread."""

    id: int
    author: int
    text: str
    date: int
    reply_to: int | None = None
    root: int | None = None
    attachments: list[dict[str, Any]] = msgspec.field(default_factory=list)
    deleted: bool = False


class Thing(msgspec.Struct, kw_only=True):
    """A post, photo, video, item or topic."""

    key: Key
    date: int
    text: str = ""
    closed: bool = False
    pinned: bool = False
    comments: dict[int, Comment] = msgspec.field(default_factory=dict)


class World:
    """All communities. `told` is called with each event."""

    def __init__(self, told: Callable[[int, dict[str, Any]], None], now: Callable[[], float] = time.time) -> None:
        self.things: dict[Key, Thing] = {}
        self.banned: dict[int, set[int]] = {}
        self.names: dict[int, str] = {}
        self._told = told
        self._now = now
        self._walls = itertools.count(FIRST_COMMENT)

    def group(self, number: int, name: str = "Страница") -> int:
        """Makes a community; its owner's id is the answer."""
        self.names[number] = name
        self.banned[number] = set()
        return -number

    def thing(
        self, kind: Kind, owner: int, number: int, *, days_ago: float = 0.0, pinned: bool = False, text: str = ""
    ) -> Key:
        """Makes something that can be commented on."""
        key: Key = (kind, owner, number)
        self.things[key] = Thing(key=key, date=int(self._now() - days_ago * 86_400), pinned=pinned, text=text)
        return key

    def comment(
        self,
        key: Key,
        author: int,
        text: str,
        *,
        reply_to: int | None = None,
        attachments: list[dict[str, Any]] | None = None,
        silent: bool = False,
    ) -> int:
        """Somebody comments; `silent` tells nobody. Walls number through all posts, the others each from 1."""
        thing = self.things[key]
        # Other comments of a wall share its numbers, and a post's own number is never one of theirs.
        number = next(self._walls) if key[0] == "wall" else len(thing.comments) + 1
        parent = thing.comments.get(reply_to or 0)
        thing.comments[number] = Comment(
            id=number,
            author=author,
            text=text,
            date=int(self._now()),
            reply_to=reply_to,
            root=None if parent is None else parent.root or parent.id,
            attachments=attachments or [],
        )
        self._tell(key, number, "new", silent)
        return number

    def edit(self, key: Key, number: int, text: str, *, silent: bool = False) -> None:
        """The author changes the text; VK keeps the date."""
        self.things[key].comments[number].text = text
        self._tell(key, number, "edit", silent)

    def delete(self, key: Key, number: int, *, silent: bool = False) -> None:
        """Somebody deletes."""
        self.things[key].comments[number].deleted = True
        self._tell(key, number, "delete", silent)

    def restore(self, key: Key, number: int, *, silent: bool = False) -> None:
        """Somebody takes the deletion back."""
        self.things[key].comments[number].deleted = False
        self._tell(key, number, "restore", silent)

    def recall(self, names: dict[int, str], things: list[Thing]) -> None:
        """Everything is as it was; numbers go on."""
        self.names = names
        self.banned = {group: set() for group in names}
        self.things = {thing.key: thing for thing in things}
        taken = [number for thing in things if thing.key[0] == "wall" for number in thing.comments]
        self._walls = itertools.count(max([FIRST_COMMENT - 1, *taken]) + 1)

    def happen(self, group: int, kind: str, content: dict[str, Any]) -> None:
        """Any other event."""
        event = {"group_id": group, "type": kind, "event_id": uuid.uuid4().hex, "v": "5.199", "object": content}
        self._told(group, event)

    def _tell(self, key: Key, number: int, what: str, silent: bool) -> None:
        if not silent:
            self.happen(-key[1], f"{STEMS[key[0]]}_{what}", self.event_object(key, number, what))

    def event_object(self, key: Key, number: int, what: str) -> dict[str, Any]:
        """The `object` of a comment's event."""
        kind, owner, thing = key
        if what == "delete":
            place = {OBJECTS[kind]: thing, ("topic_owner_id" if kind == "board" else "owner_id"): owner}
            return {"id": number, "deleter_id": 1, "user_id": 1} | place
        shown = shown_comment(key, self.things[key].comments[number])
        return shown | {_OWNERS[kind]: owner, OBJECTS[kind]: thing}


def shown_comment(key: Key, comment: Comment) -> dict[str, Any]:
    """A comment as methods show it, without its thread."""
    if comment.deleted:
        return {
            "id": comment.id,
            "date": comment.date,
            "parents_stack": [comment.root] if comment.root else [],
            "deleted": True,
        }
    shown: dict[str, Any] = {
        "id": comment.id,
        "from_id": comment.author,
        "date": comment.date,
        "text": comment.text,
        "parents_stack": [comment.root] if comment.root else [],
    }
    if key[0] == "wall":
        shown |= {"owner_id": key[1], "post_id": key[2]}
    if comment.reply_to and key[0] != "board":
        shown["reply_to_comment"] = comment.reply_to
    if comment.attachments:
        shown["attachments"] = comment.attachments
    return shown
