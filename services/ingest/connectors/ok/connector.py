"""Odnoklassniki's connector: polls, reads back, and hands every action to a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Call, Done, Forged, HookAnswer, Polled, Rights
from services.ingest.connectors.failure import BadCredential, Gone, NotAllowed, Refused
from services.ingest.connectors.ok.answer import text
from services.ingest.connectors.ok.calls import ADDRESS, Calls
from services.ingest.connectors.ok.cursor import MAX_GONE, Round, Sweep, begin_round, read_cursor
from services.ingest.connectors.ok.decoding import comment, decode, gone
from services.ingest.connectors.ok.reading import Reading, exists, read, read_one, seconds
from services.ingest.connectors.ok.rights import find_rights, refused
from services.ingest.connectors.ok.topics import topics
from services.ingest.connectors.received import Received
from services.ingest.sources.source import Source
from shared.clock import Clock, utc_now
from shared.events import Action, ActionKind, Platform

ROUND_SECONDS = 60.0
"""Between two rounds of polls."""
FRESH = 2
"""Newest topics that every round reads: most comments come there, and the platform's numbers may lag."""
OVERLAP_SECONDS = 3_600
"""Read again below the newest comment known: what came late, and edits of the last hour."""
TURN_SECONDS = 600
"""As long another share of the missing comments is asked for; less than between two times of reading back."""
SITE = "https://ok.ru"


class Known(Protocol):
    """Which comments were found under a topic; every call may raise Transient."""

    async def find(self, page: str, post: str) -> set[str]:
        """Those that were."""

    async def record(self, page: str, post: str, comments: Collection[str], found_at: datetime) -> None:
        """Remembers comments, durably on return."""

    async def drop(self, page: str, post: str, comments: Collection[str]) -> None:
        """Forgets comments."""

    async def posts(self, page: str) -> set[str]:
        """The topics under which comments were found."""

    async def drop_post(self, page: str, post: str) -> None:
        """Forgets all comments of a topic."""


class NothingKnown:
    """Remembers nothing: for whoever asks the platform and reads no comments."""

    async def find(self, page: str, post: str) -> set[str]:
        """None."""
        return set()

    async def record(self, page: str, post: str, comments: Collection[str], found_at: datetime) -> None:
        """Forgets them at once."""

    async def drop(self, page: str, post: str, comments: Collection[str]) -> None:
        """They are forgotten already."""

    async def posts(self, page: str) -> set[str]:
        """None."""
        return set()

    async def drop_post(self, page: str, post: str) -> None:
        """It is forgotten already."""


class Ok:
    """Reads groups' topics. Comments are remembered in `known` before they are told: what was never told may then be
    told as deleted, which harms nobody, and what was told is never forgotten."""

    platform: Platform = "ok"
    taken = HookAnswer()

    def __init__(self, caller: Caller, known: Known, *, address: str = ADDRESS, clock: Clock = utc_now) -> None:
        self._caller = caller
        self._known = known
        self._address = address
        self._clock = clock

    def decode(self, payload: bytes, page: str | None = None) -> list[Received]:
        """As `Connector.decode`."""
        return decode(payload, page)

    def events(self, source: Source, payload: bytes) -> tuple[Received, ...]:
        """As `Connector.events`."""
        return tuple(decode(payload, source.page))

    def hook(self, source: Source, headers: Mapping[str, str], body: bytes) -> Call:
        """Refuses everything: no hook of the platform tells of comments."""
        raise Forged

    async def poll(self, source: Source, cursor: bytes | None) -> Polled:
        """Lists the topics, and reads one that has something new; one a call until the round is through."""
        calls, group = self._calls(source), _local(source.page)
        state = read_cursor(cursor, Round)
        if state is None or not state.todo:
            now = self._clock()
            state = begin_round(state, await topics(calls, group, now), int(now.timestamp()), FRESH)
            if not state.todo:
                return Polled(events=(), cursor=state.encode(), wait=ROUND_SECONDS)
        mark = state.marks[state.todo[0]]
        since = max(0, mark.newest - OVERLAP_SECONDS)
        try:
            reading = await read(calls, mark.topic, expected=mark.comments, since=since)
        except (Gone, Refused):
            state = state.after(0)
            return Polled(events=(), cursor=state.encode(), wait=0.0 if state.todo else ROUND_SECONDS)
        except NotAllowed:
            state = state.after(0, denied=True)
            if not state.todo and state.denied == state.read:
                # Not this topic or that: the token may not read here at all.
                raise
            return Polled(events=(), cursor=state.encode(), wait=0.0 if state.todo else ROUND_SECONDS)
        await self._record(source, mark.topic, reading)
        state = state.after(max(map(seconds, reading.comments), default=0))
        return Polled(
            events=_events(source, mark.topic, reading),
            cursor=state.encode(),
            payload=reading.payload,
            wait=0.0 if state.todo else ROUND_SECONDS,
        )

    async def backfill(self, source: Source, cursor: bytes | None) -> Polled | None:
        """Reads one topic of the last days whole. What is known and not found is asked for by its id; what is not there
        either was deleted. Topics that are known and not listed are asked for in the same way."""
        calls, group = self._calls(source), _local(source.page)
        sweep = read_cursor(cursor, Sweep)
        if sweep is None:
            now = self._clock()
            listed = {topic.id: topic.comments for topic in await topics(calls, group, now)}
            doubtful = _some(await self._known.posts(source.page) - listed.keys(), now)
            sweep = Sweep(todo=tuple(listed.items()), doubtful=tuple(doubtful))
            return Polled(events=(), cursor=sweep.encode()) if listed or doubtful else None
        if sweep.all_gone:
            await self._known.drop_post(source.page, sweep.topic)
        await self._known.drop(source.page, sweep.topic, sweep.gone)
        if sweep.todo:
            return await self._read_back(source, calls, sweep)
        return await self._ask_for(source, calls, sweep) if sweep.doubtful else None

    async def _read_back(self, source: Source, calls: Calls, sweep: Sweep) -> Polled:
        """The first topic of `todo`."""
        (topic, expected), after = sweep.todo[0], Sweep(todo=sweep.todo[1:], doubtful=sweep.doubtful)
        try:
            reading = await read(calls, topic, expected=expected)
        except (Gone, Refused, NotAllowed):
            return Polled(events=(), cursor=after.encode())
        known = await self._record(source, topic, reading)
        events, lost = list(_events(source, topic, reading)), []
        missing = known - {text(entry["id"]) for entry in reading.comments} if reading.whole else set()
        for local in _some(missing, self._clock()):
            try:
                entry = await read_one(calls, topic, local)
            except (Refused, NotAllowed):
                continue
            if entry is None:
                lost.append(local)
                events.append(gone(source.page, topic, local))
            else:
                events.append(comment(entry, source.page, topic, reading.groups))
        after = Sweep(todo=after.todo, doubtful=after.doubtful, topic=topic, gone=tuple(lost))
        return Polled(events=tuple(events), cursor=after.encode(), payload=reading.payload)

    async def _ask_for(self, source: Source, calls: Calls, sweep: Sweep) -> Polled:
        """The first topic of `doubtful`: all of its comments are gone where it is."""
        topic, after = sweep.doubtful[0], Sweep(doubtful=sweep.doubtful[1:])
        try:
            there = await exists(calls, topic)
        except (Refused, NotAllowed):
            there = True
        if there:
            return Polled(events=(), cursor=after.encode())
        known = await self._known.find(source.page, topic)
        events = tuple(gone(source.page, topic, local) for local in sorted(known))
        return Polled(events=events, cursor=Sweep(doubtful=after.doubtful, topic=topic, all_gone=True).encode())

    async def test(self, source: Source) -> Rights:
        """As `rights.find_rights`."""
        try:
            calls = self._calls(source)
        except BadCredential as error:
            return refused(error)
        return await find_rights(calls, _local(source.page), self._clock())

    def acts(self, source: Source, comment: str | None = None) -> tuple[ActionKind, ...]:
        """None: the platform documents no call that answers, deletes or bans."""
        return ()

    async def act(self, source: Source, action: Action, key: str) -> Done:
        """Raises NotAllowed: a person has to."""
        raise NotAllowed("Odnoklassniki has no call for it: a person does it on the site")

    async def look(self, source: Source, action: Action, key: str) -> Done | None:
        """Nothing is ever begun."""
        return None

    def link(self, page: str, post: str | None, comment: str) -> str:
        """The topic, which shows its comments; a single one has no address."""
        group = f"{SITE}/group/{_local(page)}"
        topic = post or comment.removeprefix("ok:").partition(":")[0]
        return f"{group}/topic/{topic}" if topic.isdecimal() else group

    def _calls(self, source: Source) -> Calls:
        return Calls(self._caller, source.secrets, self._address)

    async def _record(self, source: Source, topic: str, reading: Reading) -> set[str]:
        """Remembers what was read; returns what was known before."""
        known = await self._known.find(source.page, topic)
        told = {event.submission.id.partition(":")[2] for event in _events(source, topic, reading) if event.submission}
        await self._known.record(source.page, topic, told - known, self._clock())
        return known


def _events(source: Source, topic: str, reading: Reading) -> tuple[Received, ...]:
    return tuple(comment(entry, source.page, topic, reading.groups) for entry in reading.comments)


def _some(missing: Collection[str], now: datetime) -> list[str]:
    """At most MAX_GONE of `missing`, others each time: what is left out of lists for good must not hide the rest."""
    ordered = sorted(missing)
    begin = int(now.timestamp() // TURN_SECONDS) * MAX_GONE % len(ordered) if ordered else 0
    return (ordered[begin:] + ordered[:begin])[:MAX_GONE]


def _local(page: str) -> str:
    return page.partition(":")[2]
