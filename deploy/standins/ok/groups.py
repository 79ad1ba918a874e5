"""What the stand-in's groups hold, and what happens in them. Times are milliseconds since 1970."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from deploy.standins.page import Page, Post, Shown

MOSCOW = ZoneInfo("Europe/Moscow")

Json = dict[str, Any]


class Topic(msgspec.Struct, kw_only=True):
    """A post with its comments, oldest first, by id."""

    group: str
    created_ms: int
    text: str = ""
    comments: dict[str, Json] = msgspec.field(default_factory=dict)
    counted: int | None = None
    """What statistics say, where they are told to lag."""


class Groups:
    """Groups, topics, comments."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._numbers = 0
        self.groups: dict[str, str] = {}
        """Names, by number."""
        self.topics: dict[str, Topic] = {}

    def group(self, uid: str, name: str = "Группа") -> str:
        """Makes a group."""
        self.groups[uid] = name
        return uid

    def topic(self, group: str, topic: str | None = None, created: datetime | None = None, *, text: str = "") -> str:
        """Posts; returns the topic's id."""
        topic = topic or str(62_000_000_000_000 + self._next())
        self.topics[topic] = Topic(group=group, created_ms=_ms(created or self._now()), text=text)
        return topic

    def comment(
        self, topic: str, words: str, *, author: str = "700001", reply_to: str | None = None, at: datetime | None = None
    ) -> str:
        """Comments; returns the comment's id."""
        moment = _ms(at or self._now())
        number = self._next()
        local = base64.b64encode(f"{moment}:-{number}:{moment}:{topic}:1".encode()).decode()
        date = datetime.fromtimestamp(moment / 1_000, MOSCOW).strftime("%Y-%m-%d %H:%M:%S")
        entry: Json = {
            "id": local,
            "type": "ACTIVE_MESSAGE",
            "text": words,
            "date": date,
            "author_id": author,
            "like_count": 0,
            "liked_it": False,
            "attrs": {"flags": "l,s"},
        }
        if reply_to is not None:
            entry["reply_to_comment_id"] = reply_to
            entry["reply_to_id"] = self.topics[topic].comments[reply_to]["author_id"]
        self.topics[topic].comments[local] = entry
        return local

    def edit(self, topic: str, comment: str, words: str) -> None:
        """Replaces a comment's words; nothing else changes."""
        self.topics[topic].comments[comment]["text"] = words

    def delete(self, topic: str, comment: str) -> None:
        """Takes a comment away."""
        del self.topics[topic].comments[comment]

    def delete_topic(self, topic: str) -> None:
        """Takes a topic away with everything under it."""
        del self.topics[topic]

    def seen(self) -> Page:
        """What people see of the first group, the newest first."""
        group = next(iter(self.groups), "0")
        topics = [(name, topic) for name, topic in self.topics.items() if topic.group == group]
        posts = [
            Post(id=name, text=topic.text, comments=[_seen(name, group, it) for it in topic.comments.values()])
            for name, topic in reversed(topics)
        ]
        return Page(id=f"ok:{group}", name=self.groups.get(group, ""), posts=posts, answered=False)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers


def _seen(topic: str, group: str, entry: Json) -> Shown:
    to = entry.get("reply_to_comment_id")
    return Shown(
        id=f"{topic}:{entry['id']}",
        to=None if to is None else f"{topic}:{to}",
        author=entry["author_id"],
        by_page=entry["author_id"] == group,
        text=entry["text"],
        at=int(base64.b64decode(entry["id"]).split(b":")[0]) // 1_000,
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)
