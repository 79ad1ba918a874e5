"""Which topics a group has, and how many comments each.

By `group.getStatTopics`, the one documented call that lists a group's own topics with their numbers of comments; it
needs an administrator's token with GROUP_CONTENT and VALUABLE_ACCESS. The numbers are statistics and may lag.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from services.ingest.connectors.ok.answer import item, items, text, whole
from services.ingest.connectors.ok.calls import Calls

DAYS = 28
"""Topics older than this are read no more. Below the thirty days for which a comment is known as taken in: what would
be read again after that would be taken for new."""
MAX_TOPICS = 80
"""The newest ones of a group; as many as fit into a cursor."""
PAGE_TOPICS = 100
MAX_PAGES = 5

_ID = re.compile(r"[0-9]{1,20}")


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic as listed."""

    id: str
    comments: int = 0
    """How many the platform counts."""
    created: int = 0
    """Milliseconds."""


async def topics(calls: Calls, group: str, now: datetime, *, most: int = MAX_TOPICS) -> list[Topic]:
    """The group's topics of the last DAYS, newest first, at most `most`; raises a PlatformError."""
    found: dict[str, Topic] = {}
    begin = int((now - timedelta(days=DAYS)).timestamp() * 1_000)
    anchor: str | None = None
    for _ in range(MAX_PAGES):
        said = await calls.call(
            "group.getStatTopics",
            gid=group,
            fields="ID,CREATED_MS,COMMENTS",
            count=str(PAGE_TOPICS),
            start_time=str(begin),
            end_time=str(int(now.timestamp() * 1_000)),
            **({"anchor": anchor} if anchor else {}),
        )
        answer = item(said.value)
        before = len(found)
        for entry in items(answer.get("topics")):
            topic = text(entry.get("id"))
            if topic is not None and _ID.fullmatch(topic):
                count, created = whole(entry.get("comments")) or 0, whole(entry.get("created_ms")) or 0
                found[topic] = Topic(id=topic, comments=max(0, count), created=created)
        following = text(answer.get("anchor"))
        # Nothing says in which order they come, so that the newest are known only once all are.
        if answer.get("has_more") is not True or not following or following == anchor or len(found) == before:
            break
        anchor = following
    newest = sorted(found.values(), key=lambda it: (it.created, int(it.id)), reverse=True)
    return [topic for topic in newest if not topic.created or topic.created >= begin][:most]
