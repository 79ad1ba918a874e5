"""What platforms' events need, in memory, keeping the real ones' promises."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from services.ingest.arrivals import Arrivals
from services.ingest.connectors.received import PostCopy, Received, Thread
from services.ingest.sources.source import Secrets, Source, Way
from services.ingest.store.cursors import MAX_CURSOR, Kind
from services.ingest.submission import Submission
from shared.bus import Outgoing
from shared.errors import Transient, Unavailable
from shared.events import DeadLetter, Platform
from tests.unit.ingest.memory import Rig

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class MemorySeen:
    """As `StoredSeen`."""

    def __init__(self) -> None:
        self.keys: dict[str, datetime] = {}
        self.fail_next_record = False

    async def find(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if key in self.keys}

    async def record(self, keys: Collection[str], seen_at: datetime) -> None:
        if self.fail_next_record:
            self.fail_next_record = False
            raise Transient("database: gone in the middle")
        for key in keys:
            self.keys.setdefault(key, seen_at)

    async def purge(self, before: datetime, limit: int = 2_000) -> int:
        old = [key for key, at in self.keys.items() if at < before][:limit]
        for key in old:
            del self.keys[key]
        return len(old)


class MemoryCopies:
    """As `StoredCopies`."""

    def __init__(self) -> None:
        self.copies: dict[Thread, PostCopy] = {}

    async def find(self, threads: Collection[Thread]) -> dict[Thread, PostCopy]:
        return {thread: self.copies[thread] for thread in threads if thread in self.copies}

    async def record(self, copies: Sequence[PostCopy]) -> None:
        for copy in copies:
            self.copies.setdefault(copy.thread, copy)


class MemoryCursors:
    """As `StoredCursors`; `moves` is the history of what was put."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, Kind], bytes] = {}
        self.moved_at: dict[tuple[str, Kind], datetime] = {}
        self.moves: list[tuple[str, Kind, bytes]] = []
        self.reads: list[tuple[str, Kind]] = []

    async def get(self, source: str, kind: Kind, since: datetime | None = None) -> bytes | None:
        self.reads.append((source, kind))
        if since is not None and self.moved_at.get((source, kind), since) < since:
            return None
        return self.values.get((source, kind))

    async def put(self, source: str, kind: Kind, value: bytes, moved_at: datetime) -> None:
        if len(value) > MAX_CURSOR:
            raise ValueError(f"at most {MAX_CURSOR} bytes are kept")
        self.values[source, kind] = value
        self.moved_at[source, kind] = moved_at
        self.moves.append((source, kind, value))

    async def drop(self, source: str, kind: Kind | None = None) -> None:
        for key in [key for key in self.values if key[0] == source and kind in (None, key[1])]:
            del self.values[key]


class Desk:
    """Arrivals over a rig of memory."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.seen = MemorySeen()
        self.copies = MemoryCopies()
        self.ours: set[str] = set()
        """Ids of comments that are echoes of actions of ours."""
        self.letters: list[DeadLetter] = []
        self.letter_ids: list[str] = []
        self.broker_away = False
        self.arrivals = Arrivals(
            submit=rig.intake.submit,
            seen=self.seen,
            copies=self.copies,
            echoes=self._echo,
            bury=self._bury,
            author_key=b"a key of the tests",
            clock=lambda: NOW,
        )

    async def _echo(self, submission: Submission) -> bool:
        return submission.id in self.ours

    async def _bury(self, letter: Outgoing) -> None:
        if self.broker_away:
            raise Unavailable("the message broker is away")
        assert isinstance(letter.event, DeadLetter)
        self.letters.append(letter.event)
        self.letter_ids.append(letter.msg_id)

    @property
    def told(self) -> list[tuple[str, str]]:
        """What the stream holds: (type, comment)."""
        return [(type(event).__struct_config__.tag or "", event.id) for event in self.rig.stream.events]  # type: ignore[misc]  # a tag of ours is text


def source(platform: Platform = "vk", page: str = "vk:-1", way: Way = "hook", **changes: object) -> Source:
    """A source of a test."""
    base: dict[str, object] = {"id": f"{platform}-1", "secrets": Secrets()}
    return Source(platform=platform, page=page, way=way, **(base | changes))  # type: ignore[arg-type]  # fields of Source


def happened(comment: str = "wall:-1:2:3", *, key: str | None = "1:e1", **changes: object) -> Received:
    """A comment's event; `changes` are the submission's."""
    base: dict[str, object] = {"platform": "vk", "page": "vk:-1", "text": "Вода?"}
    return Received(key=key, submission=Submission(id=comment, **(base | changes)))  # type: ignore[arg-type]  # fields of Submission
