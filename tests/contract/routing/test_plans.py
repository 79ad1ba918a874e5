"""Lists and leases are walks over an index, whatever the size of a queue; so says SQLite's own plan.

A partial index serves only a condition that is spelled like its own, which a harmless change easily breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event

from services.routing.access import EVERYTHING
from services.routing.store import MIGRATIONS, log_view, queue_view, task_view
from services.routing.store.queue_view import Wanted, place
from shared.db import migrate

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AFTER = place(1, NOW, "01900000-0000-7000-8000-000000000000")
ONE = Wanted(institutions=["gov"], sight=EVERYTHING)
ALL = Wanted(institutions=None, sight=EVERYTHING)
OVER = Wanted(institutions=["gov"], sight=EVERYTHING, state="closed")

WALKS: dict[str, tuple[Callable[[Connection], Any], str]] = {
    "a queue": (lambda conn: queue_view.page(conn, ONE, limit=5, after=AFTER, now=NOW), "cases_queue"),
    "every queue": (lambda conn: queue_view.page(conn, ALL, limit=5, after=AFTER, now=NOW), "cases_open"),
    "what is over": (lambda conn: queue_view.page(conn, OVER, limit=5, after=AFTER, now=NOW), "cases_by_institution"),
    "the next case": (lambda conn: queue_view.first_free(conn, ONE, now=NOW), "cases_queue"),
    "tasks": (
        lambda conn: task_view.page(conn, EVERYTHING, state=None, limit=5, after=AFTER, now=NOW),
        "tasks_queue",
    ),
    "the next task": (
        lambda conn: task_view.first_free(conn, EVERYTHING, escalated=False, now=NOW),
        "tasks_queue",
    ),
    "the log": (lambda conn: log_view.after(conn, 0, EVERYTHING, limit=5), "events_number"),
}


@pytest.mark.parametrize("walk", WALKS)
def test_it_is_a_walk_over_its_index(sqlite_url: str, walk: str) -> None:
    work, index = WALKS[walk]
    migrate(sqlite_url, MIGRATIONS)
    engine = create_engine(sqlite_url)
    asked: list[tuple[str, Any]] = []
    try:
        with engine.connect() as conn:
            event.listen(
                conn, "before_cursor_execute", lambda _conn, _cursor, sql, values, *_: asked.append((sql, values))
            )
            work(conn)
            sql, values = asked[0]
            plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    finally:
        engine.dispose()
    assert index in plan[0], plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
