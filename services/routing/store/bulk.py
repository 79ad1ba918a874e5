"""Many rows at once: written in one statement, found by one list of keys; each dialect in its fastest way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Tuple,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql

from services.routing.store.column import Json
from shared.db import UtcMoment

_encode = msgspec.json.Encoder().encode

Row = tuple[Any, ...]


def among(conn: Connection, column: Column[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """`column` is one of `values`, which travel as one parameter: the statement stays the same for any number."""
    if conn.dialect.name == "postgresql":
        return column == func.any(cast(list(values), postgresql.ARRAY(postgresql.TEXT)))
    each = func.json_each(_encode(list(values)).decode()).table_valued("value")
    return column.in_(select(each.c.value))


def beyond(columns: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """The rows that come after `values` in the ascending order of `columns`: the next page of a keyset pagination."""
    return tuple_(*columns) > _literals(columns, values)


def before(columns: Sequence[Column[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """As `beyond`, for a list in descending order."""
    return tuple_(*columns) < _literals(columns, values)


def _literals(columns: Sequence[Column[Any]], values: Sequence[Any]) -> Tuple:
    pairs = zip(columns, values, strict=True)
    return tuple_(*(literal(value, column.type) for column, value in pairs))


def insert_rows(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Inserts `rows`, whose values stand in the order of `columns`; raises IntegrityError when a key is taken."""
    _write(conn, table, columns, rows, "")


def insert_new_rows(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> int:
    """Inserts those of `rows` whose keys are free, in their order, and returns how many those were.

    On PostgreSQL it waits for another transaction that inserts the same key.
    """
    return _write(conn, table, columns, rows, " ON CONFLICT DO NOTHING")


def _write(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], ending: str) -> int:
    if not rows:
        return 0
    names = ", ".join(f'"{name}"' for name in columns)
    values: list[Sequence[Any]] = list(zip(*rows, strict=True))
    if conn.dialect.name == "postgresql":
        arrays = ", ".join(f"%s::{_array_type(table.c[name])}[]" for name in columns)
        statement = f'INSERT INTO "{table.name}" ({names}) SELECT * FROM unnest({arrays}){ending}'  # noqa: S608 - our own names
        parameters = tuple(
            list(map(_POSTGRESQL[kind], column)) if (kind := _kind(table.c[name])) in _POSTGRESQL else list(column)
            for name, column in zip(columns, values, strict=True)
        )
        return conn.exec_driver_sql(statement, parameters).rowcount
    marks = ", ".join("?" for _ in columns)
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks}){ending}'  # noqa: S608 - our own names
    for place, name in enumerate(columns):
        convert = _SQLITE.get(_kind(table.c[name]))
        if convert is not None:
            values[place] = [convert(value) for value in values[place]]
    return conn.exec_driver_sql(statement, list(zip(*values, strict=True))).rowcount


def _json(value: Any) -> str | None:
    return None if value is None else _encode(value).decode()


def _wall_clock(moment: datetime | None) -> str | None:
    # As SQLAlchemy's DateTime writes it, so that both ways of writing compare.
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


_SQLITE: dict[type, Callable[[Any], Any]] = {UtcMoment: _wall_clock, Json: _json}
_POSTGRESQL: dict[type, Callable[[Any], Any]] = {Json: _json}

_ARRAY_TYPES: dict[type, str] = {
    BigInteger: "bigint",
    Boolean: "boolean",
    Double: "double precision",
    Integer: "integer",
    LargeBinary: "bytea",
    SmallInteger: "smallint",
    UtcMoment: "timestamptz",
}


def _kind(column: Column[Any]) -> type:
    return type(column.type)


def _array_type(column: Column[Any]) -> str:
    return _ARRAY_TYPES.get(_kind(column), "text")
