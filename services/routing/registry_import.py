"""Importing the registry from its CSV files: all of it or nothing, and as often as one likes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

import msgspec
from sqlalchemy import Connection, Table

from services.routing.domain import registry_csv
from services.routing.domain.csv_lines import RowError
from services.routing.domain.place_forms import Form, FormOf, forms
from services.routing.domain.registry import Registry
from services.routing.domain.registry_csv import FileName, Rows
from services.routing.store import event, registry, schema
from services.routing.store.event import Logged
from shared.clock import Clock, NewId, new_id, utc_now
from shared.db import Database
from shared.errors import Conflict

Progress = Callable[[int, int], None]
"""Told, from another thread, how many names of how many have their forms."""

Files = Mapping[FileName, Sequence[bytes]]
"""The lines of each file given."""

ATTEMPTS = 3
"""Times an import begins anew because another one changed the registry under it."""

TABLES: Mapping[FileName, Table] = {
    "territories": schema.territories,
    "institutions": schema.institutions,
    "streets": schema.streets,
    "pages": schema.pages,
    "competences": schema.competences,
}
_REPORT = 100
"""Names between two calls of the progress."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file's rows."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The registry holds what the files say."""

    version: int
    """The registry's version; the same as before when nothing changed."""
    counts: dict[str, Count]


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was imported, because of these errors."""

    errors: list[RowError]
    error_count: int
    """All errors, also those that are not listed."""


class _Overtaken(Exception):
    """Another import committed first."""


def files_in(folder: Path) -> Files:
    """The files `territories.csv`, … of a folder, those that are there; raises FileNotFoundError for none at all."""
    found: dict[FileName, Sequence[bytes]] = {}
    for name in get_args(FileName):
        path = folder / f"{name}.csv"
        if path.is_file():
            found[name] = lines(path.read_bytes())
    if not found:
        raise FileNotFoundError(f"{folder} has none of {', '.join(f'{name}.csv' for name in get_args(FileName))}")
    return found


def lines(content: bytes) -> list[bytes]:
    """A file's content as lines that keep their ends."""
    return content.splitlines(keepends=True)


async def import_registry(
    database: Database,
    files: Files,
    *,
    actor: str,
    clock: Clock = utc_now,
    new_id: NewId = new_id,
    progress: Progress = lambda done, total: None,
) -> Imported | Rejected:
    """Imports the files in one transaction; rows that they do not mention stay as they are.

    `actor` is the id of the key that asked, for the log. Every process works by the new registry within a second or
    so. Raises Conflict when other imports keep coming in between, Transient when the database is away.
    """
    for _ in range(ATTEMPTS):
        stored, named = await database.read(lambda conn: (registry.rows(conn), registry.named(conn)))
        rows = await asyncio.to_thread(_read, files, stored)
        if rows.error_count:
            return Rejected(errors=rows.errors, error_count=rows.error_count)
        made = await asyncio.to_thread(_forms_of, rows, named, progress)
        try:
            return await database.write(
                lambda conn: _write(conn, rows, stored, made, logged=(actor, clock, new_id))  # noqa: B023 - awaited here
            )
        except _Overtaken:
            continue
    raise Conflict("Other imports keep changing the registry; try again when they are done.")


def _read(files: Files, stored: registry.Stored) -> Rows:
    existing = Registry(
        territories=stored.territories,
        institutions=stored.institutions,
        pages=stored.pages,
        competences=stored.competences,
    )
    return registry_csv.read(cast(Mapping[FileName, Iterable[bytes]], files), existing)


def _forms_of(
    rows: Rows, named: Collection[tuple[FormOf, str]], progress: Progress
) -> dict[tuple[FormOf, str], list[Form]]:
    wanted: dict[tuple[FormOf, str], None] = {("territory", row.name): None for row in rows.territories}
    wanted |= {("street", row.name): None for row in rows.streets}
    missing = [name for name in wanted if name not in named]
    made: dict[tuple[FormOf, str], list[Form]] = {}
    for done, (of, name) in enumerate(missing):
        if done % _REPORT == 0:
            progress(done, len(missing))
        made[of, name] = forms(of, name)
    progress(len(missing), len(missing))
    return made


def _write(
    conn: Connection,
    rows: Rows,
    stored: registry.Stored,
    made: Mapping[tuple[FormOf, str], Sequence[Form]],
    *,
    logged: tuple[str, Clock, NewId],
) -> Imported:
    registry.lock(conn)
    if registry.version(conn) != stored.version:
        raise _Overtaken
    counts: dict[str, Count] = {}
    for name, table in TABLES.items():
        told: Sequence[msgspec.Struct] = getattr(rows, name)
        counts[name], changed = _compare(table, told, getattr(stored, name))
        registry.put(conn, table, changed)
    registry.put_forms(conn, made)
    if not any(count.added or count.changed for count in counts.values()):
        return Imported(version=stored.version, counts=counts)
    version = registry.raise_version(conn)
    actor, clock, fresh = logged
    entry = Logged(
        id=str(fresh()),
        subject_kind="registry",
        subject_id=str(version),
        event="imported",
        state="current",
        actor=actor,
        at=clock(),
        data=counts,
    )
    event.add(conn, [entry])
    return Imported(version=version, counts=counts)


def _compare(
    table: Table, told: Sequence[msgspec.Struct], stored: Sequence[msgspec.Struct]
) -> tuple[Count, list[msgspec.Struct]]:
    """How many rows are new, differ, are the same; and those to write. A key told twice counts by its last row."""
    keys = [column.name for column in table.primary_key]

    def key(row: msgspec.Struct) -> tuple[str, ...]:
        return tuple(getattr(row, name) for name in keys)

    known = {key(row): row for row in stored}
    wanted = {key(row): row for row in told}
    added = [row for its, row in wanted.items() if its not in known]
    changed = [row for its, row in wanted.items() if its in known and known[its] != row]
    count = Count(added=len(added), changed=len(changed), unchanged=len(wanted) - len(added) - len(changed))
    return count, added + changed
