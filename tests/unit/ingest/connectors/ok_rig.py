"""A connector of Odnoklassniki over its stand-in, without a socket."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from deploy.standins.ok import ACCESS_TOKEN, APPLICATION_KEY, APPLICATION_SECRET, OkStandin
from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Polled
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.ok.connector import Ok
from services.ingest.sources.source import Secrets, Source
from services.ingest.submission import Submission
from tests.fixtures.hooking import without_socket

GROUP = "55001"
PAGE = f"ok:{GROUP}"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class MemoryKnown:
    """As `StoredKnown`, in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], set[str]] = {}

    async def find(self, page: str, post: str) -> set[str]:
        return set(self.rows.get((page, post), ()))

    async def record(self, page: str, post: str, comments: Collection[str], found_at: datetime) -> None:
        self.rows.setdefault((page, post), set()).update(comments)

    async def drop(self, page: str, post: str, comments: Collection[str]) -> None:
        self.rows.get((page, post), set()).difference_update(comments)

    async def posts(self, page: str) -> set[str]:
        return {post for (of, post), comments in self.rows.items() if of == page and comments}

    async def drop_post(self, page: str, post: str) -> None:
        self.rows.pop((page, post), None)


class OkRig:
    """`now` may be moved; `slept` holds the waits that the gate asked for."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []
        self.site = OkStandin(now=lambda: self.now)
        self.site.group(GROUP, "Район")
        self.known = MemoryKnown()
        gate = Gate(sleep=self._sleep, monotonic=lambda: self.now.timestamp())  # noqa: PLW0108  # `now` moves
        self.caller = Caller(gate, transport=without_socket(self.site))
        self.connector = Ok(self.caller, self.known, address="http://standin/fb.do", clock=lambda: self.now)
        self.source = source()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.later(seconds)

    def later(self, seconds: float = 60.0) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    async def round(self, cursor: bytes | None) -> tuple[list[Submission], bytes]:
        """One round of polls: what it told, and the cursor after it."""
        told: list[Submission] = []
        while True:
            polled = await self.connector.poll(self.source, cursor)
            cursor = polled.cursor
            assert len(cursor) <= 4_096
            told += submissions(polled)
            if polled.wait:
                self.later(polled.wait)
                return told, cursor

    async def sweep(self) -> list[Submission]:
        """Everything read back once."""
        told: list[Submission] = []
        cursor: bytes | None = None
        while (polled := await self.connector.backfill(self.source, cursor)) is not None:
            cursor = polled.cursor
            assert len(cursor) <= 4_096
            told += submissions(polled)
        return told


def submissions(polled: Polled) -> list[Submission]:
    return [event.submission for event in polled.events if event.submission is not None]


def source(**changes: str | None) -> Source:
    """The source of GROUP; `changes` are secrets."""
    secrets = {
        "application_key": APPLICATION_KEY,
        "application_secret": APPLICATION_SECRET,
        "access_token": ACCESS_TOKEN,
    } | changes
    return Source(id="ok-1", platform="ok", page=PAGE, way="poll", secrets=Secrets(**secrets))
