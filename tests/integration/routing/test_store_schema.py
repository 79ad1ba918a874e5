"""The schema: what the migrations make is what the queries expect, and the database guards the log by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from services.routing.store import event
from services.routing.store.event import Logged
from services.routing.store.schema import events, institutions, metadata, territories
from shared.clock import new_id
from shared.db import Database
from tests.integration.routing.messages import BEGIN


def entry(number: int) -> Logged:
    return Logged(
        id=str(new_id()),
        subject_kind="case",
        subject_id="case-1",
        event="routed",
        state="routed",
        actor="system",
        at=BEGIN + timedelta(seconds=number),
        data={"why": "test"},
    )


async def test_migrations_make_the_tables_that_queries_use(empty_database: Database) -> None:
    def work(conn: Connection) -> object:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        return compare_metadata(context, metadata)

    assert await empty_database.read(work) == []


async def test_the_roots_are_there_from_the_beginning(empty_database: Database) -> None:
    def work(conn: Connection) -> tuple[object, object]:
        place = conn.execute(select(territories.c.id, territories.c.parent, territories.c.coordinator)).one()
        root = conn.execute(select(institutions.c.id, institutions.c.parent, institutions.c.territory)).one()
        return tuple(place), tuple(root)

    assert await empty_database.read(work) == (("root", None, "root"), ("root", None, "root"))


@pytest.mark.parametrize(
    "statement",
    [
        delete(events),
        update(events).values(reason="never mind"),
        update(events).values(actor="somebody else", number=1),
        update(events).values(data=None),
        update(events).values(number=2),
        update(events).values(number=None),
    ],
    ids=["delete", "reason", "actor", "data", "renumber", "unnumber"],
)
async def test_nobody_rewrites_the_log(empty_database: Database, statement: object) -> None:
    def prepare(conn: Connection) -> None:
        event.add(conn, [entry(1)])
        event.give_numbers(conn, after=0, limit=10)

    await empty_database.write(prepare)
    before = await empty_database.read(lambda conn: conn.execute(select(events)).all())
    with pytest.raises(DBAPIError, match="the log only grows"):
        await empty_database.write(lambda conn: conn.execute(statement))  # type: ignore[call-overload]  # any statement
    assert await empty_database.read(lambda conn: conn.execute(select(events)).all()) == before


async def test_the_log_cannot_be_emptied_at_once(empty_database: Database) -> None:
    if empty_database.dialect == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    await empty_database.write(lambda conn: event.add(conn, [entry(1)]))
    with pytest.raises(DBAPIError, match="the log only grows"):
        await empty_database.write(lambda conn: conn.execute(text("TRUNCATE events")))


async def test_numbers_follow_the_order_of_writing(empty_database: Database) -> None:
    # The second entry was made earlier by another process's clock, and committed later.
    written = [entry(1), entry(0), entry(2)]

    def work(conn: Connection) -> list[int]:
        event.add(conn, written)
        first = event.give_numbers(conn, after=0, limit=2)
        return [first, event.give_numbers(conn, after=first, limit=2), event.give_numbers(conn, after=3, limit=2)]

    assert await empty_database.write(work) == [2, 3, 3]
    rows = await empty_database.read(
        lambda conn: conn.execute(select(events.c.id).order_by(events.c.number)).scalars().all()
    )
    assert rows == [one.id for one in written]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT id FROM cases WHERE cases.open AND institution = 'a' ORDER BY rank, opened_at, id LIMIT 50",
            "cases_queue",
        ),
        ("SELECT id FROM cases WHERE cases.open ORDER BY rank, opened_at, id LIMIT 50", "cases_open"),
        ("SELECT id FROM tasks WHERE tasks.undecided ORDER BY rank, opened_at, id LIMIT 50", "tasks_queue"),
        ("SELECT seq FROM events WHERE number IS NULL ORDER BY seq LIMIT 500", "events_unnumbered"),
        ("SELECT id FROM events WHERE number > 5 ORDER BY number LIMIT 500", "events_numbered"),
        ("SELECT id FROM comments WHERE parent = 'a' AND author_kind = 'page'", "official_answers"),
    ],
)
async def test_queues_are_walks_over_an_index(empty_database: Database, query: str, index: str) -> None:
    def work(conn: Connection) -> str:
        if conn.dialect.name == "postgresql":
            # The tables are empty, and a planner would rather read an empty table whole.
            conn.execute(text("SET LOCAL enable_seqscan = off"))
            conn.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN QUERY PLAN " if conn.dialect.name == "sqlite" else "EXPLAIN "
        return "\n".join(str(row) for row in conn.execute(text(explain + query)))

    plan = await empty_database.write(work)
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
