"""Moderators decide while comments are taken in: nobody waits for another in a circle."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest
from sqlalchemy import Connection, select, text

from services.routing import moderation
from services.routing.access import EVERYTHING
from services.routing.caller import Caller
from services.routing.moderation import Verdict
from services.routing.store.changes import Changes
from services.routing.store.reconciliation import Contention
from services.routing.store.schema import cases, comments, tasks
from services.routing.store.snapshot import Snapshot, Snapshots
from services.routing.web.office import Office
from services.routing.worker import Worker
from shared.auth import Principal, Scope
from shared.clock import new_id, utc_now
from shared.db import Database
from tests.integration.routing.messages import table, tagged, tell

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")


def office_over(database: Database) -> Office:
    return Office(
        database=database,
        snapshots=Snapshots(database),
        clock=utc_now,
        new_id=new_id,
        wake=lambda: None,
        lease_seconds=900,
    )


def moderator(region: Snapshot) -> Caller:
    principal = Principal(key_id="m1", name="m", role="moderator", scope=Scope())
    return Caller(principal=principal, sight=EVERYTHING, snapshot=region, now=utc_now())


def hold_both(conn: Connection, *, first_held: threading.Event) -> None:
    """Locks as a worker does, by ascending id, the second only when somebody else waits for the first."""
    query = select(comments.c.id).with_for_update(key_share=True, nowait=True)
    conn.execute(query.where(comments.c.id == "vk:c:1"))
    first_held.set()
    while not conn.execute(WAITING).scalar_one():
        conn.execute(text("SELECT pg_sleep(0.01)"))
    conn.execute(query.where(comments.c.id == "vk:c:2"))


async def test_who_decides_locks_in_the_order_of_who_takes_in(
    worker: Worker, database: Database, region: Snapshot
) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer")
    # The second is a reply in the first one's thread, and its author has a case there.
    await tell(worker, tagged(5), tagged(6, id="vk:c:2", parent="vk:c:1", tag="other", unsure=True))
    office, caller = office_over(database), moderator(region)
    leased = await office.write(partial(moderation.take_next, caller=caller, seconds=900))
    assert leased.task is not None
    assert leased.token is not None
    verdict = Verdict(token=leased.token, decision="relabel", ground="просьба", tag="complaint")
    held = threading.Event()
    holding = asyncio.create_task(database.write(partial(hold_both, first_held=held)))
    assert await asyncio.to_thread(held.wait, 10)
    made = await office.write(
        partial(moderation.judge, caller=caller, task_id=leased.task.id, verdict=verdict, new_id=new_id)
    )
    await holding
    (case,) = await table(database, cases)
    assert made.case_id == case["id"]
    (task,) = await table(database, tasks)
    assert task["state"] == "decided"


async def test_a_write_that_meets_others_is_done_again(database: Database) -> None:
    tries: list[Changes] = []

    def work(conn: Connection, changes: Changes) -> int:
        tries.append(changes)
        if len(tries) < 3:
            raise Contention
        return len(tries)

    assert await office_over(database).write(work) == 3
    assert len({id(changes) for changes in tries}) == 3
