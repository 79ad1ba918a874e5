"""Importing the registry: all or nothing, again and again, and in force at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from services.routing import registry_import
from services.routing.domain.policy import Facts
from services.routing.registry_import import Count, Files, Imported, Rejected, files_in, import_registry, lines
from services.routing.store import registry, schema
from services.routing.store.snapshot import load
from shared.db import Database
from shared.errors import Conflict
from tests.integration.routing.conftest import REGION
from tests.integration.routing.messages import table

SMALL: Files = {
    "territories": lines("id,kind,name,parent,coordinator\nt1,settlement,Верхние Ключи,,i1\n".encode()),
    "institutions": lines("id,name,short_name,kind,parent,territory\ni1,Школа 1,Школа,school,,t1\n".encode()),
    "streets": lines("territory,name\nt1,улица Садовая\n".encode()),
    "pages": lines("id,institution,territory,name\nvk:-1,i1,t1,Школа\n".encode()),
    "competences": lines(b"institution,topic,territory\ni1,snow,t1\n"),
}


async def imported(database: Database, files: Files) -> Imported:
    done = await import_registry(database, files, actor="key-1")
    assert isinstance(done, Imported)
    return done


async def test_everything_is_there_and_in_force(empty_database: Database) -> None:
    before = (await empty_database.read(load)).version
    seen: list[tuple[int, int]] = []
    done = await import_registry(
        empty_database, SMALL, actor="key-1", progress=lambda made, total: seen.append((made, total))
    )
    assert done == Imported(version=before + 1, counts=dict.fromkeys(SMALL, Count(added=1)))
    assert (seen[0], seen[-1]) == ((0, 2), (2, 2))
    snapshot = await empty_database.read(load)
    route = snapshot.route(Facts(page="vk:-2", tag="complaint", topic="snow", text="Не чистят в Верхних Ключах"))
    assert (route.institution, route.territory) == ("i1", "t1")
    (entry,) = await table(empty_database, schema.events)
    assert (entry["subject_kind"], entry["event"], entry["actor"]) == ("registry", "imported", "key-1")
    assert entry["data"]["pages"] == {"added": 1, "changed": 0, "unchanged": 0}


async def test_the_same_files_again_change_nothing(empty_database: Database) -> None:
    first = await imported(empty_database, files_in(REGION))
    before = [await table(empty_database, one) for one in (*registry_import.TABLES.values(), schema.events)]
    again = await imported(empty_database, files_in(REGION))
    assert again.version == first.version
    assert {(count.added, count.changed) for count in again.counts.values()} == {(0, 0)}
    assert sum(count.unchanged for count in again.counts.values()) == 41 + 401 + 74 + 150 + 192
    after = [await table(empty_database, one) for one in (*registry_import.TABLES.values(), schema.events)]
    assert after == before


async def test_rows_that_are_not_mentioned_stay(empty_database: Database) -> None:
    await imported(empty_database, SMALL)
    more: Files = {"pages": lines("id,institution,territory,name\nvk:-1,i1,t1,Лицей\nvk:-2,i1,t1,Ещё\n".encode())}
    done = await imported(empty_database, more)
    assert done.counts["pages"] == Count(added=1, changed=1)
    snapshot = await empty_database.read(load)
    assert {id: page.name for id, page in snapshot.registry.pages.items()} == {"vk:-1": "Лицей", "vk:-2": "Ещё"}
    assert snapshot.registry.competent("snow", "t1") == ("i1",)


async def test_errors_name_their_lines_and_nothing_is_imported(empty_database: Database) -> None:
    before = await empty_database.read(load)
    wrong: Files = {
        **SMALL,
        "pages": lines("id,institution,territory,name\nvk:-1,i1,t1,Школа\nvk:-2,nobody,t1,Чья?\n".encode()),
    }
    done = await import_registry(empty_database, wrong, actor="key-1")
    assert isinstance(done, Rejected)
    assert [(one.file, one.line, one.column) for one in done.errors] == [("pages", 3, "institution")]
    assert done.error_count == 1
    after = await empty_database.read(load)
    assert after.version == before.version
    assert dict(after.registry.territories) == dict(before.registry.territories)
    assert await table(empty_database, schema.place_forms) == []


async def test_two_imports_at_once_both_hold(empty_database: Database) -> None:
    other: Files = {"territories": lines("id,kind,name,parent,coordinator\nt2,settlement,Заречье,,\n".encode())}
    first, second = await asyncio.gather(imported(empty_database, SMALL), imported(empty_database, other))
    assert first.version != second.version
    snapshot = await empty_database.read(load)
    assert set(snapshot.registry.territories) == {"root", "t1", "t2"}


async def test_an_import_that_is_always_overtaken_gives_up(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes the registry during each attempt: what was checked against the old one must not be written."""
    version = schema.registry_version

    def overtake(conn: Connection) -> None:
        conn.execute(update(version).values(version=version.c.version + 1))

    loop = asyncio.get_running_loop()

    def progress(made: int, total: int) -> None:
        if made == 0:
            asyncio.run_coroutine_threadsafe(empty_database.write(overtake), loop).result(20)

    with pytest.raises(Conflict):
        await import_registry(empty_database, SMALL, actor="key-1", progress=progress)
    assert (await empty_database.read(load)).registry.territory("t1") is None


async def test_forms_are_made_once_for_a_name(empty_database: Database) -> None:
    await imported(empty_database, SMALL)
    named = await empty_database.read(registry.named)
    assert named == {("territory", "Верхние Ключи"), ("street", "улица Садовая")}
    seen: list[tuple[int, int]] = []
    more: Files = {"streets": lines("territory,name\nt1,улица Садовая\nroot,улица Садовая\n".encode())}
    await import_registry(empty_database, more, actor="key-1", progress=lambda *now: seen.append(now))
    assert seen == [(0, 0)]


def test_a_folder_without_any_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"territories\.csv"):
        files_in(tmp_path)
