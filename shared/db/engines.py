"""How connections are opened: every pragma and time-out of both databases, with its reason.

Parameters are hidden everywhere: an error that quotes them would carry a citizen's words into the log.
"""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url

BUSY_SECONDS = 5
"""How long SQLite waits for another process's write lock before it says busy."""

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
"""A PostgreSQL statement that runs longer is cancelled: no request or batch waits that long for it."""

LOCK_SECONDS = 10
MIGRATION_SECONDS = 120
"""How long one migration waits for another process's."""

DIALECTS = ("sqlite", "postgresql")


def parse(url: str) -> URL:
    """The URL, checked; raises ValueError for what is neither a SQLite file nor PostgreSQL through psycopg."""
    parsed = make_url(url)
    name = parsed.get_backend_name()
    if name == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ValueError("SQLite needs a file (sqlite:///path): one in memory is not shared between threads")
    elif parsed.drivername != "postgresql+psycopg":
        raise ValueError(f"{parsed.drivername}: use sqlite:///path or postgresql+psycopg://user:password@host/name")
    return parsed


def sqlite_writer(url: URL, *, busy_seconds: int | None = None, foreign_keys: bool = True) -> Engine:
    """The engine whose transactions take the write lock at once: none fails half way for lack of it."""
    _make_folder(url)
    engine = create_engine(url, pool_size=1, max_overflow=0, hide_parameters=True)
    busy = BUSY_SECONDS if busy_seconds is None else busy_seconds
    _configure_sqlite(engine, begin="BEGIN IMMEDIATE", busy_seconds=busy, foreign_keys=foreign_keys)
    return engine


def sqlite_reader(url: URL, *, connections: int) -> Engine:
    """The engine of snapshots that can change nothing."""
    engine = create_engine(url, pool_size=connections, max_overflow=0, hide_parameters=True)
    _configure_sqlite(engine, begin="BEGIN", busy_seconds=BUSY_SECONDS, foreign_keys=True, read_only=True)
    return engine


def postgresql(url: URL, *, connections: int) -> Engine:
    """The engine for reads and writes; `connections` is the most that are ever open."""
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args=_postgresql_arguments(url),
    )


def postgresql_migration(url: URL) -> Engine:
    """An engine without statement time-out, since building an index may take long."""
    return create_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args=_postgresql_arguments(url, statement_seconds=0)
    )


def _postgresql_arguments(url: URL, *, statement_seconds: int = STATEMENT_SECONDS) -> dict[str, Any]:
    options = {
        "timezone": "UTC",
        "statement_timeout": f"{statement_seconds}s",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": "60s" if statement_seconds else "0",
    }
    own = [f"-c {name}={value}" for name, value in options.items()]
    given = url.query.get("options", "")
    given = given if isinstance(given, str) else " ".join(given)
    return {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "otklik",
        # What the operator put into the URL comes last and wins.
        "options": " ".join([*own, given]).strip(),
        # A peer that vanished without a word is noticed within a quarter of a minute, not after the kernel's hours.
        "keepalives_idle": 10,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }


def _make_folder(url: URL) -> None:
    Path(url.database or "").absolute().parent.mkdir(parents=True, exist_ok=True)


def _configure_sqlite(
    engine: Engine, *, begin: str, busy_seconds: int, foreign_keys: bool, read_only: bool = False
) -> None:
    pragmas = [
        f"busy_timeout = {busy_seconds * 1000}",
        "journal_mode = WAL",
        # In WAL mode FULL is what makes a commit survive a power cut; NORMAL would lose the last ones.
        "synchronous = FULL",
        f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        "journal_size_limit = 67108864",
        f"query_only = {'ON' if read_only else 'OFF'}",
    ]

    @event.listens_for(engine, "connect")
    def _open(connection: SqliteConnection, _record: object) -> None:
        # The driver's own transactions begin late and never IMMEDIATE; None leaves beginning to us
        # (SQLAlchemy's documented recipe; the `autocommit` attribute exists only since Python 3.12).
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
