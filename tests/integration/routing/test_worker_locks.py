"""What a worker read before it had the lock is not what it works on."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Connection, select, text

from services.routing.store.schema import cases, comments
from services.routing.worker import Worker
from shared.db import Database
from tests.integration.routing.messages import official, table, tagged, tell

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")


async def test_a_comment_met_on_the_way_is_read_again_under_its_lock(worker: Worker, database: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer")
    # The page answered the first comment, and itself.
    await tell(worker, tagged(5, tag="other"), official(6, id="vk:c:2", parent="vk:c:1"))
    held, waited_for, edited = threading.Event(), threading.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        conn.execute(select(comments.c.id).where(comments.c.id == "vk:c:2").with_for_update(key_share=True))
        held.set()
        while not conn.execute(WAITING).scalar_one():
            conn.execute(text("SELECT pg_sleep(0.01)"))
        waited_for.set()
        assert edited.wait(10)

    holding = asyncio.create_task(database.write(hold))
    assert await asyncio.to_thread(held.wait, 10)
    # The reply makes the first comment known; the answer leads to it over the one that is held.
    batch = [
        tagged(7, id="vk:c:3", parent="vk:c:1", author="a2", tag="other"),
        official(8, id="vk:c:4", parent="vk:c:2"),
    ]
    taking_in = asyncio.create_task(worker.handle_tagged(batch))
    assert await asyncio.to_thread(waited_for.wait, 10)
    await tell(worker, tagged(9, kind="edited"))
    edited.set()
    await asyncio.gather(holding, taking_in)
    (case,) = await table(database, cases)
    assert case["state"] == "answered"
    heads = {row["id"]: row for row in await table(database, comments)}
    assert (heads["vk:c:1"]["case_id"], heads["vk:c:1"]["version"]) == (case["id"], 9)
