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
    FromClause,
    Integer,
    SmallInteger,
    Table,
    cast,
    func,
    select,
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


def pairs(conn: Connection, values: Sequence[tuple[str, str]]) -> FromClause:
    """A table of these pairs, with the columns `left` and `right`, to join with; any number is the same statement."""
    if conn.dialect.name == "postgresql":
        columns = [cast([pair[side] for pair in values], postgresql.ARRAY(postgresql.TEXT)) for side in (0, 1)]
        return func.unnest(*columns).table_valued("left", "right").render_derived()
    each = func.json_each(_encode(values).decode()).table_valued("value")
    sides = (func.json_extract(each.c.value, f"$[{side}]") for side in (0, 1))
    return select(*(side.label(name) for side, name in zip(sides, ("left", "right"), strict=True))).subquery()


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
    if conn.dialect.name == "postgresql":
        # The driver writes arrays of texts slowly, and the server reads JSON fast. A value that is JSON itself comes
        # out of a text column as it went in.
        types = ", ".join(f'"{name}" {_type(table.c[name])}' for name in columns)
        source = f"SELECT {names} FROM json_to_recordset(%s::json) AS given ({types})"  # noqa: S608 - our own names
        statement = f'INSERT INTO "{table.name}" ({names}) {source}{ending}'
        given = _encode([dict(zip(columns, row, strict=True)) for row in rows]).decode()
        return conn.exec_driver_sql(statement, (given,)).rowcount
    marks = ", ".join("?" for _ in columns)
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks}){ending}'  # noqa: S608 - our own names
    values: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for place, name in enumerate(columns):
        convert = _SQLITE.get(type(table.c[name].type))
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

_TYPES: dict[type, str] = {
    BigInteger: "bigint",
    Boolean: "boolean",
    Double: "double precision",
    Integer: "integer",
    SmallInteger: "smallint",
    UtcMoment: "timestamptz",
}
"""PostgreSQL's name of a column's type; text for any other."""


def _type(column: Column[Any]) -> str:
    return _TYPES.get(type(column.type), "text")
