"""Reads the comments under one topic, page after page."""

from __future__ import annotations

from typing import cast

import msgspec

from services.ingest.connectors.failure import Gone
from services.ingest.connectors.ok.answer import Item, item, items, text
from services.ingest.connectors.ok.calls import Calls
from services.ingest.connectors.ok.decoding import posted_at

PAGE_COMMENTS = 100
MAX_PAGES = 100
"""Of one topic in one go."""
MAX_BYTES = 16 * 1024 * 1024
"""Of one topic's answers together."""

KIND = "GROUP_TOPIC"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read under a topic."""

    comments: tuple[Item, ...]
    groups: frozenset[str]
    """Ids that the answers say are groups'."""
    payload: bytes
    """The answers as they came, as one array."""
    whole: bool
    """Whether every page was read, as far as the platform lets one tell."""


async def read(calls: Calls, topic: str, *, expected: int = 0, since: int = 0) -> Reading:
    """The comments under `topic`, each once; raises a PlatformError.

    Goes from anchor to anchor until nothing new comes. "No more" is believed only once as many were read as the
    platform counts (`expected`): lists of it were seen to end early. Where pages run from new to old, reading ends with
    the first that is wholly older than `since` (seconds since 1970); 0 reads all.
    """
    found: dict[str, Item] = {}
    groups: set[str] = set()
    payloads: list[bytes] = []
    anchors: set[str] = set()
    size = 0
    anchor: str | None = None
    exhausted = False
    while len(payloads) < MAX_PAGES and size < MAX_BYTES:
        said = await calls.call(
            "discussions.getComments",
            discussionId=topic,
            discussionType=KIND,
            count=str(PAGE_COMMENTS),
            **({"anchor": anchor} if anchor else {}),
        )
        payloads.append(said.payload)
        size += len(said.payload)
        answer = item(said.value)
        page = [entry for entry in items(answer.get("comments")) if text(entry.get("id"))]
        before = len(found)
        for entry in page:
            found[cast(str, text(entry["id"]))] = entry
        groups.update(filter(None, (text(it.get("uid")) for it in items(item(answer.get("entities")).get("groups")))))
        following = text(answer.get("anchor"))
        more = answer.get("has_more", answer.get("hasMore"))
        if len(found) == before or not following or following in anchors:
            exhausted = more is not True or len(found) == before
            break
        if more is False and len(found) >= expected:
            exhausted = True
            break
        if _old(page, since):
            break
        anchors.add(following)
        anchor = following
    return Reading(
        comments=tuple(found.values()),
        groups=frozenset(groups),
        payload=b"[" + b",".join(payloads) + b"]",
        whole=exhausted,
    )


async def read_one(calls: Calls, topic: str, local: str) -> Item | None:
    """The comment; None where the platform says that it is not there. Raises a PlatformError."""
    try:
        said = await calls.call("discussions.getComment", discussionId=topic, discussionType=KIND, comment_id=local)
    except Gone:
        return None
    answer = item(said.value)
    entry = answer.get("comment", answer)
    return item(entry) or None


async def exists(calls: Calls, topic: str) -> bool:
    """Whether the topic is there; raises a PlatformError."""
    try:
        await calls.call("discussions.get", discussionId=topic, discussionType=KIND)
    except Gone:
        return False
    return True


def seconds(entry: Item) -> int:
    """When the comment was written, in seconds since 1970; 0 where nothing says so."""
    moment = posted_at(entry)
    return 0 if moment is None else int(moment.timestamp())


def _old(page: list[Item], since: int) -> bool:
    times = [seconds(entry) for entry in page]
    return bool(since and times) and times[0] > times[-1] and max(times) < since
