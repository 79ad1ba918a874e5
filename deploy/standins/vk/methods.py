"""The API's methods over the stand-in's world, as the published schema describes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from deploy.standins.vk.world import OBJECTS, Comment, Key, Kind, Thing, World, shown_comment

TokenKind = Literal["community", "user", "service"]
Fields = dict[str, Any]

_SECTIONS: dict[str, Kind] = {"wall": "wall", "photos": "photo", "video": "video", "market": "market", "board": "board"}
_CALL = re.compile(r"API\.([a-zA-Z]+\.[a-zA-Z]+)\((\{.*?\})\)(?=,API\.|\];$)")

BOTH: frozenset[TokenKind] = frozenset({"community", "user"})
READERS: frozenset[TokenKind] = frozenset({"user", "service"})
USER: frozenset[TokenKind] = frozenset({"user"})
ALL: frozenset[TokenKind] = frozenset({"community", "user", "service"})
ACCESS: dict[str, frozenset[TokenKind]] = {
    "wall.get": READERS,
    "wall.getComments": READERS,
    "wall.createComment": BOTH,
    "wall.closeComments": BOTH,
    "board.getTopics": READERS,
    "board.getComments": READERS,
    "board.deleteComment": BOTH,
    "groups.getById": ALL,
    "groups.getLongPollServer": BOTH,
    "groups.getLongPollSettings": BOTH,
    "groups.getTokenPermissions": frozenset({"community"}),
    "execute": BOTH,
}
"""Which tokens a method takes; all others take a user's."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What a token stands for."""

    kind: TokenKind
    group: int = 0
    """Of a community's token; of a user's, the community that he runs."""
    user: int = 0
    level: int = 3
    permissions: tuple[str, ...] = ("manage", "wall")


class ApiError(Exception):
    """A method's refusal."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Methods:
    """Answers methods."""

    def __init__(self, world: World, *, long_poll: Callable[[int], Fields]) -> None:
        self._world = world
        self._long_poll = long_poll
        self.guid_works = True
        self.events_told: dict[str, int] = {}
        """As `groups.getLongPollSettings` shows them."""
        self.long_poll_on = True
        self._guids: dict[tuple[str, str], Any] = {}

    def call(self, name: str, access: Access, given: Fields) -> Any:
        """What `name` answers; raises ApiError."""
        if access.kind not in ACCESS.get(name, USER):
            raise ApiError(28 if access.kind == "service" else 27)
        section, _, action = name.partition(".")
        if name == "groups.getById":
            return self._group(access, given)
        if name == "groups.getTokenPermissions":
            names = access.permissions
            return {"mask": 0, "permissions": [{"name": each, "setting": 1} for each in names]}
        if section == "groups":
            return self._groups(action, access, given)
        kind = _SECTIONS.get(section)
        if kind is None:
            raise ApiError(3)
        match action:
            case "get" | "getTopics":
                return self._list(kind, given)
            case "getAllComments":
                return self._all(given)
            case "getComment":
                return self._one(given)
            case "getComments":
                return self._comments(kind, given)
            case "createComment":
                return self._create(name, kind, access, given)
            case "deleteComment":
                return self._delete(kind, access, given)
            case "closeComments" | "closeTopic":
                self._runs(access, 2)
                self._thing(kind, given).closed = True
                return 1
        raise ApiError(3)

    def batch(self, code: str) -> list[tuple[str, Fields]] | None:
        """The calls in the code of an `execute`; None for what we do not understand."""
        found = [(name, msgspec.json.decode(given)) for name, given in _CALL.findall(code)]
        return found if 0 < len(found) <= 25 else None

    def _groups(self, action: str, access: Access, given: Fields) -> Any:
        group = int(given.get("group_id", 0))
        if group not in self._world.names or access.group != group:
            raise ApiError(15)
        match action:
            case "getLongPollServer":
                if not self.long_poll_on:
                    raise ApiError(100)
                return self._long_poll(group)
            case "getLongPollSettings":
                return {"is_enabled": self.long_poll_on, "events": self.events_told, "api_version": "5.199"}
            case "ban":
                self._runs(access, 1)
                self._world.banned[group].add(int(given["owner_id"]))
                return 1
            case "getBanned":
                person = int(given.get("owner_id", 0))
                if person not in self._world.banned[group]:
                    raise ApiError(104)
                return {"count": 1, "items": [{"type": "profile", "profile": {"id": person}}]}
        raise ApiError(3)

    def _group(self, access: Access, given: Fields) -> Fields:
        group = int(given.get("group_id", 0)) or access.group
        if group not in self._world.names:
            raise ApiError(100)
        shown: Fields = {"id": group, "name": self._world.names[group], "screen_name": f"club{group}"}
        if access.kind == "user" and access.group == group and access.level:
            shown |= {"is_admin": 1, "admin_level": access.level}
        return {"groups": [shown], "profiles": []}

    def _list(self, kind: Kind, given: Fields) -> Fields:
        owner = int(given["owner_id"]) if "owner_id" in given else -int(given["group_id"])
        found = [each for key, each in self._world.things.items() if key[:2] == (kind, owner)]
        found.sort(key=lambda each: (each.pinned, _updated(each) if kind == "board" else each.date), reverse=True)
        offset, count = int(given.get("offset", 0)), int(given.get("count", 20))
        return {"count": len(found), "items": [_shown_thing(each) for each in found[offset : offset + count]]}

    def _all(self, given: Fields) -> Fields:
        owner = int(given["owner_id"])
        found = [
            shown_comment(key, each) | {"pid": key[2]}
            for key, thing in self._world.things.items()
            if key[:2] == ("photo", owner)
            for each in thing.comments.values()
            if not each.deleted
        ]
        found.sort(key=lambda each: each["date"], reverse=True)
        offset, count = int(given.get("offset", 0)), int(given.get("count", 20))
        return {"count": len(found), "items": found[offset : offset + count]}

    def _one(self, given: Fields) -> Fields:
        owner, number = int(given["owner_id"]), int(given["comment_id"])
        for key, thing in self._world.things.items():
            if key[:2] == ("wall", owner) and number in thing.comments:
                return {"items": [shown_comment(key, thing.comments[number])]}
        return {"items": []}

    def _comments(self, kind: Kind, given: Fields) -> Fields:
        thing = self._thing(kind, given)
        threaded = kind in ("wall", "video")
        root = int(given.get("comment_id", 0)) or None
        level = [each for each in thing.comments.values() if not threaded or each.root == root]
        # Only walls keep what was deleted, and only where answers hang on it.
        level = [each for each in level if not each.deleted or kind == "wall"]
        level.sort(key=lambda each: each.id, reverse=given.get("sort") == "desc")
        start = int(given.get("start_comment_id", 0))
        if start:
            level = [each for each in level if each.id >= start]
        offset, count = int(given.get("offset", 0)), min(int(given.get("count", 20)), 100)
        items = []
        for each in level[offset : offset + count]:
            shown = shown_comment(thing.key, each)
            if threaded and root is None:
                below = [one for one in thing.comments.values() if one.root == each.id]
                part = below[: min(int(given.get("thread_items_count", 0)), 10)]
                shown["thread"] = {
                    "count": len(below),
                    "items": [shown_comment(thing.key, one) for one in part],
                }
            items.append(shown)
        answer: Fields = {"count": len(thing.comments), "items": items}
        return answer | {"current_level_count": len(level)} if threaded else answer

    def _create(self, name: str, kind: Kind, access: Access, given: Fields) -> Any:
        thing = self._thing(kind, given)
        guid = str(given.get("guid", ""))
        if self.guid_works and guid and (name, guid) in self._guids:
            return self._guids[name, guid]
        if thing.closed:
            raise ApiError({"video": 801, "market": 1401}.get(kind, 212))
        reply_to = int(given.get("reply_to_comment", 0)) or None
        if reply_to is not None and (reply_to not in thing.comments or thing.comments[reply_to].deleted):
            raise ApiError(100)
        if not str(given.get("message", "")):
            raise ApiError(100)
        speaks = int(given.get("from_group", 0))
        if speaks:
            self._runs(access, 2)
        author = -access.group if speaks else access.user
        number = self._world.comment(thing.key, author, str(given["message"]), reply_to=reply_to)
        root = thing.comments[number].root
        answer = {"comment_id": number, "parents_stack": [root] if root else []} if kind == "wall" else number
        self._guids[name, guid] = answer
        return answer

    def _delete(self, kind: Kind, access: Access, given: Fields) -> int:
        self._runs(access, 1)
        number = int(given["comment_id"])
        owner = int(given["owner_id"]) if "owner_id" in given else -int(given["group_id"])
        for key, thing in self._world.things.items():
            comment = thing.comments.get(number) if key[:2] == (kind, owner) else None
            if comment is not None and not comment.deleted:
                self._world.delete(key, number)
                return 1
        if kind in ("photo", "market"):
            return 0
        raise ApiError(104)

    def _runs(self, access: Access, level: int) -> None:
        if access.kind == "user" and access.level < level:
            raise ApiError(15)
        if access.kind == "community" and "wall" not in access.permissions:
            raise ApiError(15)

    def _thing(self, kind: Kind, given: Fields) -> Thing:
        owner = int(given["owner_id"]) if "owner_id" in given else -int(given["group_id"])
        key: Key = (kind, owner, int(given.get(OBJECTS[kind], 0)))
        if key not in self._world.things:
            raise ApiError(15)
        return self._world.things[key]


def _updated(thing: Thing) -> int:
    return max([thing.date, *(each.date for each in thing.comments.values())])


def _shown_thing(thing: Thing) -> Fields:
    kind, owner, number = thing.key
    live: list[Comment] = [each for each in thing.comments.values() if not each.deleted]
    shown: Fields = {"id": number, "owner_id": owner, "date": thing.date}
    match kind:
        case "wall":
            pinned = {"is_pinned": 1} if thing.pinned else {}
            return shown | {"from_id": owner, "text": thing.text, "comments": {"count": len(live)}} | pinned
        case "board":
            return {
                "id": number,
                "title": "…",
                "created": thing.date,
                "updated": _updated(thing),
                "comments": len(live),
            }
        case "video":
            return shown | {"title": "…", "comments": len(live)}
        case _:
            return shown
