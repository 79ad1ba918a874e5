"""All sources in memory with their secrets open, kept true to the bucket within seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from services.ingest.sources.bucket import Bucket, Buckets
from services.ingest.sources.change import Change
from services.ingest.sources.record import BUCKET, CLAIM, SourceRecord, claim_key, read_record
from services.ingest.sources.registry import SourceRegistry
from services.ingest.sources.source import Source
from services.ingest.sources.vault import HOW_TO_SET, SealBroken, Vault
from shared.clock import utc_now
from shared.errors import Conflict, Invalid, NotFound, Unavailable

POLL_SECONDS = 1.0
ANSWER_SECONDS = 15.0
"""For one question to the bucket; all of it, at the start, may be thousands of records."""
RELOAD_SECONDS = 300.0
"""How often everything is read anew: mends what following changes cannot see, such as a bucket restored from a copy."""

_log = structlog.get_logger(__name__)


class Sources:
    """The sources as they are now. Without a vault none is open, and each has that as its problem.

    While the broker is away everything stays as it was last known: a platform's call can still be checked.
    """

    def __init__(self, bus: Buckets, vault: Vault | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._vault = vault
        self._monotonic = monotonic
        self._raw: dict[str, bytes] = {}
        self._records: dict[str, SourceRecord] = {}
        self._open: dict[str, Source] = {}
        self._pages: dict[str, Source] = {}
        self._problems: dict[str, str] = {}
        self._bucket: Bucket | None = None
        self._sequence: int | None = None
        self._loaded_at = 0.0
        self._turned = monotonic()
        self._lock = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._listeners: list[Callable[[str], None]] = []
        self.generation = 0
        """Rises with every change of any source."""
        self.loaded = asyncio.Event()
        """Set once all of the bucket was read."""

    def get(self, id: str) -> Source | None:
        """The source of that id; None where there is none, or none that can be opened."""
        return self._open.get(id)

    def of_page(self, page: str) -> Source | None:
        """The one source that `page` belongs to."""
        return self._pages.get(page)

    def all(self) -> list[Source]:
        """All that are open, paused ones too, by id."""
        return [self._open[id] for id in sorted(self._open)]

    def record(self, id: str) -> SourceRecord | None:
        """Its record, whether or not its secrets open."""
        return self._records.get(id)

    def known(self, id: str) -> bool:
        """Whether there is a source of that id, in whatever state."""
        return id in self._records or id in self._problems

    def records(self) -> list[SourceRecord]:
        """All that can be read, by id."""
        return [self._records[id] for id in sorted(self._records)]

    def problems(self) -> dict[str, str]:
        """What keeps a source closed, by its id, in a sentence that says what to do."""
        return dict(self._problems)

    async def moved(self, source: Source, group: str) -> None:
        """Telegram: the source's group has this id from now on. Raises Unavailable, also while others keep changing the
        source; nothing where it is gone meanwhile, and where no group can have such an id, which would come again for
        ever."""
        registry = SourceRegistry(self._bus, self._vault, clock=utc_now)
        try:
            await registry.change(source.id, Change(group=group), by="ingest")
        except NotFound:
            pass
        except Conflict as error:
            raise Unavailable(error.detail) from error
        except Invalid:
            _log.warning("group not kept", source=source.id)
        try:
            await self.refresh()
        except TimeoutError as error:
            raise Unavailable("the bucket of the sources did not answer in time") from error

    def listen(self, callback: Callable[[str], None]) -> None:
        """Calls `callback` with the id of each source that came, went or changed, soon after; it must not raise."""
        self._listeners.append(callback)

    async def changed(self, since: int) -> int:
        """Waits until `generation` is beyond `since`; returns it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.generation > since)
            return self.generation

    def loop_age(self) -> float:
        """Seconds since following last turned."""
        return self._monotonic() - self._turned

    async def run(self, stop: asyncio.Event) -> None:
        """Follows until `stop` is set."""
        silent = False
        while not stop.is_set():
            self._turned = self._monotonic()
            try:
                await self.refresh()
                if silent:
                    _log.info("sources followed again")
                silent = False
            except Exception as error:
                # Whatever failed, what is known stays; before the streams are declared there is nothing to read.
                self._bucket = None
                if not silent and self.loaded.is_set():
                    _log.warning("sources not read", error=type(error).__name__)
                silent = self.loaded.is_set()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)

    async def refresh(self) -> None:
        """Asks the bucket once what changed. Raises what the bucket raises, or TimeoutError."""
        async with self._lock:
            asked_at = self._monotonic()
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._bucket is None:
                    self._bucket = await self._bus.bucket(BUCKET)
                reached = await self._bucket.last_sequence()
                due = asked_at - self._loaded_at >= RELOAD_SECONDS
                if self._sequence is None or due or reached < self._sequence:
                    changed = self._load(await self._bucket.entries())
                    self._loaded_at = asked_at
                elif reached > self._sequence:
                    changes, reached = await self._bucket.changes(self._sequence)
                    changed = self._apply(changes)
                else:
                    return
            self._sequence = reached
            await self._tell(changed)
            self.loaded.set()

    def _load(self, entries: dict[str, bytes]) -> set[str]:
        gone = [(key, None) for key in self._raw if key not in entries]
        return self._apply([*gone, *entries.items()])

    def _apply(self, changes: list[tuple[str, bytes | None]]) -> set[str]:
        """Takes the changes over; returns the ids of the sources that they touch."""
        touched: set[str] = set()
        for key, raw in changes:
            old = self._raw.pop(key, None)
            if raw is not None:
                self._raw[key] = raw
            if old == raw:
                continue
            if key.startswith(CLAIM):
                # Of a claim both sides: whose the page was, and whose it is.
                touched |= {owner.decode(errors="replace") for owner in (old, raw) if owner}
            else:
                touched.add(key)
        for id in touched:
            self._judge(id)
        return touched

    def _judge(self, id: str) -> None:
        """Opens the source, or finds out what keeps it closed."""
        self._records.pop(id, None)
        self._problems.pop(id, None)
        former = self._open.pop(id, None)
        if former is not None and self._pages.get(former.page) is former:
            del self._pages[former.page]
        raw = self._raw.get(id)
        if raw is None:
            return
        try:
            record = read_record(id, raw)
        except ValueError as error:
            self._problems[id] = str(error)
            _log.error("source unreadable", source=id)
            return
        self._records[id] = record
        owner = self._raw.get(claim_key(record.page), b"").decode(errors="replace")
        if owner != id:
            self._problems[id] = f"{record.page} belongs to {owner or 'no source'}: remove this source and add it again"
        elif self._vault is None:
            self._problems[id] = HOW_TO_SET
        else:
            try:
                source = record.source(self._vault)
            except SealBroken as error:
                self._problems[id] = str(error)
                _log.error("source closed", source=id, reason=str(error))
                return
            self._open[id] = source
            self._pages[source.page] = source

    async def _tell(self, ids: set[str]) -> None:
        if not ids:
            return
        async with self._changed:
            self.generation += 1
            self._changed.notify_all()
        for id in sorted(ids):
            for listener in self._listeners:
                listener(id)
