"""A database behind threads: synchronous work functions, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar, cast

from sqlalchemy import Connection, Engine, text

from shared.db import engines
from shared.db.failures import transient_reason
from shared.errors import Transient
from shared.obs import metrics

T = TypeVar("T")

READERS = 4
"""Threads that read; each has a connection of its own."""

WRITERS = 4
"""Threads that write to PostgreSQL; SQLite always has exactly one."""

MAX_WAITING = 1_000
"""Works that may wait for a thread; one more is refused as Transient instead of growing the queue."""


class Database:
    """One service's database.

    A work is a plain function of a `Connection`. It runs in a thread inside one transaction, which commits when the
    function returns and is rolled back when it raises. Its own exceptions pass through unchanged; errors of the
    database that may pass by themselves become `shared.errors.Transient`.

    Cancelling the caller does not stop a work that has begun: it commits or fails, and nobody is told which.
    """

    def __init__(self, write_engine: Engine, read_engine: Engine, *, writers: int) -> None:
        self._write_engine = write_engine
        self._read_engine = read_engine
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        self._waiting = 0
        self.dialect = cast(Literal["sqlite", "postgresql"], write_engine.dialect.name)

    @classmethod
    def open(cls, url: str) -> Database:
        """The database at `url`; connects on first use. Raises ValueError for a URL that is not supported."""
        parsed = engines.parse(url)
        if parsed.get_backend_name() == "sqlite":
            writer = engines.sqlite_writer(parsed)
            return cls(writer, engines.sqlite_reader(parsed, connections=READERS), writers=1)
        engine = engines.postgresql(parsed, connections=READERS + WRITERS)
        snapshots = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return cls(engine, snapshots, writers=WRITERS)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in one durable transaction and returns what it returned, after the commit.

        SQLite: alone, under the write lock. PostgreSQL: READ COMMITTED, beside others; lock what must not change.
        """
        return await self._run("write", self._writers, self._write_engine, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on a snapshot in which nothing changes and which it cannot change."""
        return await self._run("read", self._readers, self._read_engine, work)

    async def ready(self) -> bool:
        """Whether the database answers; never raises."""
        try:
            return await self.read(lambda conn: conn.execute(text("SELECT 1")).scalar() == 1)
        except Transient:
            return False

    def close(self) -> None:
        """Waits for works that have begun, drops those that have not, closes every connection."""
        self._writers.shutdown(cancel_futures=True)
        self._readers.shutdown(cancel_futures=True)
        self._write_engine.dispose()
        self._read_engine.dispose()

    async def _run(self, kind: str, threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Transient(f"database: {MAX_WAITING} works are waiting already")
        began = time.perf_counter()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, _transaction, engine, work)
        finally:
            self._waiting -= 1
            metrics.DB_SECONDS.labels(kind=kind).observe(time.perf_counter() - began)


def _transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as conn:
            return work(conn)
    except Exception as error:
        reason = transient_reason(error)
        if reason is None:
            raise
        raise Transient(f"database: {reason}") from error
