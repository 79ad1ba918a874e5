"""Which of a database's errors may pass by themselves."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_SQLITE = {
    sqlite3.SQLITE_BUSY: "busy: another process holds the write lock",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_IOERR: "input/output error",
    sqlite3.SQLITE_FULL: "disk full",
    sqlite3.SQLITE_CANTOPEN: "cannot open the file",
}
"""Primary result codes (https://www.sqlite.org/rescode.html)."""

_POSTGRESQL = {
    "08": "connection lost",
    "40": "serialization failure or deadlock",
    "53": "out of resources",
    "57": "shutting down, starting up or cancelled by a time-out",
    "55P03": "lock not granted in time",
    "25P03": "transaction idle too long",
}
"""SQLSTATE classes and codes (PostgreSQL's appendix A)."""


def transient_reason(error: Exception) -> str | None:
    """In words why trying again may help; None when it cannot.

    Never quotes the statement or its values: those may hold what a citizen wrote.
    """
    if isinstance(error, PoolTimeoutError):
        return "no free connection"
    if not isinstance(error, DBAPIError):
        return None
    if error.connection_invalidated:
        return "connection lost"
    original = error.orig
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return None if code is None else _SQLITE.get(code & 0xFF)
    state = getattr(original, "sqlstate", None)
    if state is None:
        # psycopg raises OperationalError without a state when the connection itself failed.
        return "connection failed" if isinstance(error, OperationalError) else None
    return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
