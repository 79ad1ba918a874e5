"""Reading a page back: its posts of the last days and all that was written below them, step by step."""

from __future__ import annotations

from typing import Any

import msgspec

from services.ingest.connectors.connector import Polled
from services.ingest.connectors.failure import PlatformError
from services.ingest.connectors.received import Received, unusable
from services.ingest.connectors.vk.api import MAX_BATCH, Api, Token, passes, token
from services.ingest.connectors.vk.comment import place_of, read_back
from services.ingest.connectors.vk.decoding import flattened
from services.ingest.connectors.vk.payload import items, positive, table, whole
from services.ingest.connectors.vk.place import Place, owner_of
from services.ingest.connectors.vk.sections import LISTED, MAX_LISTED, SECTIONS, Section, is_last, more
from services.ingest.sources.source import Source
from shared.clock import Clock

MAX_CURSOR = 4_096
"""Bytes; `connector.Polled` allows no more."""
MAX_DAYS = 14
"""How far back posts are looked at."""

Work = tuple[int, int, int]
"""Something's number, a thread (0 for the first level) and an offset."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How far the reading is."""

    since: int
    """Unix time of the oldest post of this pass."""
    section: int = 0
    listed: int | None = 0
    """Offset in the section's list; None once through it."""
    work: tuple[Work, ...] = ()
    """Still to be read, in turn."""


class Walking:
    """Reads pages back."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def step(self, source: Source, cursor: bytes | None) -> Polled | None:
        """See `Connector.backfill`: one call of the API, or as many as one `execute` holds.

        What a credential cannot read (a closed section, a deleted post) is passed over."""
        owner = owner_of(source.page)
        at = _read(cursor) or Cursor(since=int(self._clock().timestamp()) - MAX_DAYS * 86_400)
        while owner is not None and at.section < len(SECTIONS):
            section = SECTIONS[at.section]
            reader = token(source, *section.tokens)
            if reader is not None and (owner < 0 or section.kind in ("wall", "photo", "video")):
                if at.work:
                    return await self._comments(owner, section, reader, at)
                if at.listed is not None:
                    return await self._list(owner, section, reader, at)
            at = Cursor(since=at.since, section=at.section + 1)
        return None

    async def _list(self, owner: int, section: Section, reader: Token, at: Cursor) -> Polled:
        offset = at.listed or 0
        if section.listing is None:
            return _at(msgspec.structs.replace(at, listed=None, work=((0, 0, 0),)))
        try:
            answer = table(await self._api.read(reader, *section.listing(owner, offset)))
        except PlatformError as error:
            if not passes(error):
                raise
            return _at(Cursor(since=at.since, section=at.section + 1))
        listed = [table(each) for each in items(answer.get("items"))]
        # A video may be another's that the page only shows.
        own = [each for each in listed[:LISTED] if whole(each.get("owner_id")) in (None, owner)]
        fresh = [each for each in own if section.fresh(each, at.since)]
        work = tuple((number, 0, 0) for each in fresh if (number := positive(each.get("id"))))
        after = offset + LISTED
        last = is_last(answer, limit=LISTED, after=after) or after >= MAX_LISTED[section.kind]
        through = last or section.ends(listed[-1], at.since)
        return _at(msgspec.structs.replace(at, listed=None if through else after, work=work))

    async def _comments(self, owner: int, section: Section, reader: Token, at: Cursor) -> Polled:
        places = [Place(kind=section.kind, owner=owner, object=number) for number, _, _ in at.work[:MAX_BATCH]]
        asked = [section.comments(place, *each[1:]) for place, each in zip(places, at.work, strict=False)]
        answers = await self._api.read_all(reader, asked)
        events: list[Received] = []
        found: list[Work] = []
        after = at
        for read, (place, answer) in enumerate(zip(places, answers, strict=False), start=1):
            work: list[Work] = []
            told: list[Received] = []
            if not isinstance(answer, PlatformError):
                work, told = _below(section, place, table(answer), done=at.work[read - 1], since=at.since)
            # Threads go first: a first level, which alone makes the work grow, is read when no thread is left, and so
            # what one answer adds always fits.
            ahead = sorted([*found, *work, *at.work[read:]], key=lambda each: each[1] == 0)
            then = msgspec.structs.replace(at, work=tuple(ahead))
            if read > 1 and len(_encode(then)) > MAX_CURSOR:
                # It is read again once there is room.
                break
            events += told
            found += work
            after = then
        return Polled(events=tuple(events), cursor=_encode(after), payload=_payload(answers))


def _below(
    section: Section, place: Place, answer: dict[str, Any], *, done: Work, since: int
) -> tuple[list[Work], list[Received]]:
    """What is still to be read after an answer, and what it tells."""
    number, thread, offset = done
    work: list[Work] = []
    events: list[Received] = []
    for each in items(answer.get("items")):
        below = table(table(each).get("thread"))
        root = positive(table(each).get("id"))
        if root and not thread and (whole(below.get("count")) or 0) > len(items(below.get("items"))):
            work.append((number, root, 0))
        for comment in flattened(each):
            at = place if place.object else place_of(comment, section.kind, place.owner)
            found = unusable("comment without its post", comment) if at is None else read_back(comment, at)
            events.append(found)
    after = more(section, answer, thread=thread, offset=offset, since=since)
    if after is not None:
        work.append((number, thread, after))
    return work, events


def _at(cursor: Cursor) -> Polled:
    return Polled(events=(), cursor=_encode(cursor))


def _payload(answers: list[Any]) -> bytes:
    """What VK said, as the answer to one method that gave all of it: errors, which may repeat a request, left out."""
    return msgspec.json.encode({"response": [each for each in answers if not isinstance(each, PlatformError)]})


def _encode(cursor: Cursor) -> bytes:
    return msgspec.json.encode(cursor)


def _read(cursor: bytes | None) -> Cursor | None:
    """None for what is no cursor of ours: the pass then begins anew, and tells nothing twice."""
    try:
        return None if cursor is None else msgspec.json.decode(cursor, type=Cursor)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
