"""Bringing a database to the newest schema; safe when several processes start at once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, text

from shared.db import engines
from shared.db.failures import transient_reason
from shared.errors import Transient

ENVIRONMENT = Path(__file__).parent / "environment"

_LOCK = 0x6F746B6C696B
"""The advisory lock's number on PostgreSQL: "otklik" in ASCII."""


def migrate(url: str, migrations: Path) -> None:
    """Runs what is missing of the revision files lying directly in `migrations`; does nothing when all are there.

    All or nothing: on SQLite always, on PostgreSQL unless a revision uses an `autocommit_block`. A second process
    waits for the first, up to `engines.MIGRATION_SECONDS`. Raises Transient when the database cannot be reached or
    the wait was in vain.
    """
    parsed = engines.parse(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            _migrate_sqlite(parsed, migrations)
        else:
            _migrate_postgresql(parsed, migrations)
    except Exception as error:
        reason = transient_reason(error)
        if reason is None:
            raise
        raise Transient(f"database: {reason}") from error


def _migrate_sqlite(url: URL, migrations: Path) -> None:
    # Foreign keys are off while tables are rebuilt (https://www.sqlite.org/lang_altertable.html, step 1), and checked
    # before the commit. The write lock itself keeps other processes out.
    engine = engines.sqlite_writer(url, busy_seconds=engines.MIGRATION_SECONDS, foreign_keys=False)
    try:
        with engine.begin() as conn:
            _upgrade(conn, migrations)
            broken = conn.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RuntimeError(f"the migration leaves {len(broken)} broken references, first in {broken[0][0]}")
    finally:
        engine.dispose()


def _migrate_postgresql(url: URL, migrations: Path) -> None:
    engine = engines.postgresql_migration(url)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        # A session's lock on a connection of its own: it outlasts a revision that commits in between, and holds no
        # snapshot that CREATE INDEX CONCURRENTLY would wait for. Closing the connection gives it back.
        guard = stack.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
        guard.execute(text(f"SET lock_timeout = '{engines.MIGRATION_SECONDS}s'"))
        guard.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        with engine.begin() as conn:
            _upgrade(conn, migrations)


def _upgrade(conn: Connection, migrations: Path) -> None:
    config = Config()
    # Alembic interpolates % in option values.
    config.set_main_option("script_location", str(ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("version_locations", str(migrations.resolve()).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
