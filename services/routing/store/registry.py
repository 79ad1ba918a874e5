"""The registry's rows: read whole into memory, written by imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast

import msgspec
from sqlalchemy import Connection, Table, select, update

from services.routing.domain.place_forms import Form, FormOf
from services.routing.domain.registry import Competence, Institution, Page, Street, Territory
from services.routing.store import schema
from services.routing.store.bulk import insert_new_rows
from shared.db import insert

R = TypeVar("R", bound=msgspec.Struct)

CHUNK = 5_000
"""Rows written by one statement."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Every row of the registry, but the forms of its names."""

    version: int
    territories: list[Territory]
    institutions: list[Institution]
    pages: list[Page]
    competences: list[Competence]
    streets: list[Street]


def version(conn: Connection) -> int:
    """Rises with every change of the registry."""
    return int(conn.execute(select(schema.registry_version.c.version)).scalar_one())


def raise_version(conn: Connection) -> int:
    """Tells every process to load the registry anew; returns the new version."""
    table = schema.registry_version
    return int(conn.execute(update(table).values(version=table.c.version + 1).returning(table.c.version)).scalar_one())


def lock(conn: Connection) -> None:
    """Keeps other imports out until the commit."""
    conn.execute(select(schema.registry_version.c.version).with_for_update())


def rows(conn: Connection) -> Stored:
    """Everything, in the order of the keys."""
    return Stored(
        version=version(conn),
        territories=_all(conn, schema.territories, Territory),
        institutions=_all(conn, schema.institutions, Institution),
        pages=_all(conn, schema.pages, Page),
        competences=_all(conn, schema.competences, Competence),
        streets=_all(conn, schema.streets, Street),
    )


def forms(conn: Connection) -> Iterator[Form]:
    """The forms of all names."""
    table = schema.place_forms
    query = select(table.c.of, table.c.name, table.c.forms)
    for of, name, packed in conn.execute(query):
        for words, care in packed:
            yield Form(of=of, name=name, words=words, care=care)


def named(conn: Connection) -> set[tuple[FormOf, str]]:
    """The names whose forms are stored."""
    table = schema.place_forms
    return {(cast(FormOf, of), name) for of, name in conn.execute(select(table.c.of, table.c.name))}


def put(conn: Connection, table: Table, changed: Sequence[msgspec.Struct]) -> None:
    """Inserts rows or replaces those of the same key; what they refer to must be there at the commit."""
    keys = [column.name for column in table.primary_key]
    statement = insert(conn, table)
    rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    if rest:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=rest)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    for start in range(0, len(changed), CHUNK):
        conn.execute(statement, [msgspec.structs.asdict(row) for row in changed[start : start + CHUNK]])


def put_forms(conn: Connection, made: Mapping[tuple[FormOf, str], Sequence[Form]]) -> None:
    """Stores the forms of names; those stored already stay."""
    packed = [(of, name, [(form.words, form.care) for form in forms]) for (of, name), forms in made.items()]
    for start in range(0, len(packed), CHUNK):
        insert_new_rows(conn, schema.place_forms, ("of", "name", "forms"), packed[start : start + CHUNK])


def _all(conn: Connection, table: Table, kind: type[R]) -> list[R]:
    columns = [table.c[field.name] for field in msgspec.structs.fields(kind)]
    return [kind(*row) for row in conn.execute(select(*columns).order_by(*table.primary_key))]
