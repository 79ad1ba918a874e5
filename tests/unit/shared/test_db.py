"""Which errors of a database may pass by themselves."""

from __future__ import annotations

import sqlite3

import pytest
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.db import engines
from shared.db.failures import transient_reason


def sqlite_error(code: int) -> DBAPIError:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return OperationalError("SELECT 1", None, error)


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_BUSY),
        sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
        sqlite_error(sqlite3.SQLITE_FULL),
        sqlite_error(sqlite3.SQLITE_IOERR_FSYNC),
        OperationalError("x", None, pg.DeadlockDetected()),
        OperationalError("x", None, pg.SerializationFailure()),
        OperationalError("x", None, pg.AdminShutdown()),
        OperationalError("x", None, pg.TooManyConnections()),
        OperationalError("x", None, pg.LockNotAvailable()),
        OperationalError("x", None, pg.QueryCanceled()),
        OperationalError("x", None, pg.OperationalError("connection refused")),
        PoolTimeoutError(),
        DBAPIError("x", None, pg.InterfaceError(), connection_invalidated=True),
    ],
    ids=lambda error: f"{type(error).__name__}-{type(getattr(error, 'orig', None)).__name__}",
)
def test_transient(error: Exception) -> None:
    assert transient_reason(error)


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_READONLY),
        sqlite_error(sqlite3.SQLITE_ERROR),
        IntegrityError("x", None, pg.UniqueViolation()),
        DBAPIError("x", None, pg.UndefinedTable()),
        DBAPIError("x", None, pg.ReadOnlySqlTransaction()),
        ValueError("x"),
    ],
    ids=lambda error: f"{type(error).__name__}-{type(getattr(error, 'orig', None)).__name__}",
)
def test_not_transient(error: Exception) -> None:
    assert transient_reason(error) is None


def test_what_the_operator_sets_in_the_url_comes_last() -> None:
    url = engines.parse("postgresql+psycopg://u@h/d?options=-c%20statement_timeout%3D5s")
    options = engines._postgresql_arguments(url)["options"]
    assert options.startswith("-c timezone=UTC")
    assert options.endswith("-c statement_timeout=5s")
