"""What becomes of comments: cases, tasks, notices and the log, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from services.routing.domain.case import Case, act
from services.routing.domain.case_change import Accepted
from services.routing.domain.decision import Decision, decide
from services.routing.domain.task import lease_task
from services.routing.store import action, case, decision, task
from services.routing.store.changes import Changes
from services.routing.store.schema import cases, comment_versions, comments, events, registry_version, tasks
from services.routing.store.snapshot import Snapshot, Snapshots
from services.routing.worker import Worker
from shared.bus import Delivered
from shared.clock import new_id, utc_now
from shared.db import Database
from shared.events import Action, Flags, Outcome, OutcomeKind, decode
from tests.integration.routing.messages import (
    PAGE,
    at,
    deleted,
    delivered,
    official,
    restored,
    standing,
    table,
    tagged,
    tell,
    the_case,
    told,
    waiting,
)


async def accept(database: Database, id: str) -> None:
    """An agent takes the case."""

    def work(conn: Connection) -> None:
        found = case.get(conn, id, lock=True)
        assert found is not None
        changes = Changes(now=utc_now(), new_id=new_id)
        changes.case(found, act(found, Accepted(at=utc_now(), by="key-1", actor="agent"), coordinator="root"))
        changes.write(conn)

    await database.write(work)


async def test_a_complaint_becomes_a_case_where_it_belongs(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5, text="На улице Ленина третий день нет отопления"))
    found = await the_case(database)
    assert (found["comment_id"], found["state"], found["opened_at"], found["rank"]) == ("vk:c:1", "routed", at(5), 1)
    assert found["route"]["institution"] == found["institution"]
    assert found["route"]["why"]["kind"]
    (head,) = await table(database, comments)
    assert (head["case_id"], head["thread"], head["version"], head["alive"]) == (found["id"], "vk:c:1", 5, True)
    assert await told(database) == ["case:routed"]


async def test_the_institution_is_told_with_all_it_needs(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5))
    found = await the_case(database)
    (row,) = await waiting(database)
    notice = decode(row["subject"], row["payload"].encode())
    assert msgspec.to_builtins(notice) | {"at": None, "v": None} == {
        "type": "queue.notice",
        "v": None,
        "trace": "",
        "id": row["msg_id"],
        "kind": "assigned",
        "case": found["id"],
        "institution": found["institution"],
        "comment": "vk:c:1",
        "platform": "vk",
        "page": PAGE,
        "post": "vk:p:1",
        "text": "Третий день нет отопления",
        "tag": "complaint",
        "topic": "heating",
        "urgent": False,
        "state": "routed",
        "opened_at": "2026-01-12T06:05:00Z",
        "at": None,
    }


async def test_a_repeated_message_changes_nothing(worker: Worker, database: Database) -> None:
    batch = [tagged(5), tagged(6, id="vk:c:2", tag="spam"), tagged(7, id="vk:c:3", tag="other")]
    await worker.handle_tagged(batch)
    before = [await table(database, one) for one in (comments, comment_versions, cases, tasks, events)]
    await worker.handle_tagged([*batch, *batch])
    assert [await table(database, one) for one in (comments, comment_versions, cases, tasks, events)] == before


@pytest.mark.parametrize("tag", ["spam", "other"])
async def test_what_needs_no_answer_makes_no_case(worker: Worker, database: Database, tag: str) -> None:
    await tell(worker, tagged(5, tag=tag))  # type: ignore[arg-type]  # both are tags
    assert await table(database, cases) == []
    assert len(await table(database, comments)) == 1


async def test_an_urgent_case_stands_first(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5, flags=Flags(urgent=True)))
    assert (await the_case(database))["rank"] == 0


async def test_doubt_makes_a_task_beside_the_case(worker: Worker, database: Database, region: Snapshot) -> None:
    await tell(worker, tagged(5, unsure=True, flags=Flags(toxic=True)))
    (open_task,) = await table(database, tasks)
    page = region.registry.pages[PAGE]
    assert open_task["reasons"] == ["toxic", "unsure"]
    assert (open_task["institution"], open_task["territory"]) == (page.institution, page.territory)
    assert await told(database) == ["case:routed", "task:opened"]


async def test_an_edit_moves_an_untouched_case(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5, topic="heating"))
    before = await the_case(database)
    await tell(worker, tagged(6, kind="edited", topic="snow", text="Двор не чистят"))
    after = await the_case(database)
    assert (after["id"], after["topic"], after["version"]) == (before["id"], "snow", 6)
    assert after["institution"] != before["institution"]
    kinds = [decode(row["subject"], row["payload"].encode()) for row in await waiting(database)]
    assert [(one.kind, one.institution) for one in kinds] == [  # type: ignore[union-attr]  # all are notices
        ("assigned", before["institution"]),
        ("withdrawn", before["institution"]),
        ("assigned", after["institution"]),
    ]


async def test_an_edit_leaves_a_case_that_somebody_took(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5, topic="heating"))
    before = await the_case(database)
    await accept(database, before["id"])
    await tell(worker, tagged(6, kind="edited", tag="other", topic="other", text="Уже не надо"))
    after = await the_case(database)
    assert (after["state"], after["institution"], after["version"]) == ("accepted", before["institution"], 5)


async def test_a_deletion_voids_and_a_restoration_revives(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5, unsure=True), deleted(6))
    assert (await the_case(database))["state"] == "void"
    assert [row["state"] for row in await table(database, tasks)] == ["withdrawn"]
    await tell(worker, restored(7))
    assert (await the_case(database))["state"] == "routed"
    assert sorted(row["state"] for row in await table(database, tasks)) == ["open", "withdrawn"]


async def test_a_tombstone_is_kept_until_its_comment_comes(worker: Worker, database: Database) -> None:
    await tell(worker, deleted(6))
    (head,) = await table(database, comments)
    assert (head["alive"], head["content_version"], head["version"]) == (False, None, 6)
    await tell(worker, tagged(5))
    assert (await the_case(database))["state"] == "void"
    (head,) = await table(database, comments)
    assert (head["alive"], head["content_version"], head["version"], head["author"]) == (False, 5, 6, "a1")


@pytest.mark.parametrize("answer_first", [False, True])
async def test_the_page_answers_outside(worker: Worker, database: Database, answer_first: bool) -> None:
    messages = [tagged(5), official(9, id="vk:c:2", parent="vk:c:1")]
    for message in reversed(messages) if answer_first else messages:
        await tell(worker, message)
    found = await the_case(database)
    assert (found["state"], found["answered_at"], found["comment_id"]) == ("answered", at(9), "vk:c:1")
    assert {row["thread"] for row in await table(database, comments)} == {"vk:c:1"}


@pytest.mark.parametrize("about", ["vk:c:1", "vk:c:2"])
@pytest.mark.parametrize("version", [4, 10])
async def test_the_page_takes_its_answer_back(worker: Worker, database: Database, about: str, version: int) -> None:
    """The deletion names no parent: the case that it bears on, perhaps over a follow-up, is found all the same."""
    await tell(worker, tagged(5), tagged(6, id="vk:c:2", parent="vk:c:1"))
    await tell(worker, official(9, id="vk:c:3", parent=about))
    await tell(worker, deleted(version, id="vk:c:3"))
    found = await the_case(database)
    assert (found["state"], found["answered_at"]) == ("answered", at(9))
    # Nothing was new to the case.
    assert (await told(database)).count("case:answered_outside") == 1


async def test_an_answer_to_an_unknown_comment_waits_unseen(worker: Worker, database: Database) -> None:
    await tell(worker, official(9, id="vk:c:2", parent="vk:c:1"))
    assert [(row["id"], row["version"]) for row in await table(database, comments)] == [("vk:c:1", 0), ("vk:c:2", 9)]
    assert await table(database, cases) == []


async def test_a_follow_up_joins_the_open_case(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5))
    await tell(worker, tagged(6, id="vk:c:2", parent="vk:c:1", text="Так и нет тепла", flags=Flags(urgent=True)))
    found = await the_case(database)
    assert found["rank"] == 0
    assert {row["case_id"] for row in await table(database, comments)} == {found["id"]}
    # The first one is deleted, but its author's follow-up still waits.
    await tell(worker, deleted(7))
    assert (await the_case(database))["state"] == "routed"
    await tell(worker, official(8, id="vk:c:3", parent="vk:c:2"))
    assert (await the_case(database))["state"] == "answered"


async def test_a_follow_up_in_the_same_batch_joins_too(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5), tagged(6, id="vk:c:2", parent="vk:c:1"), tagged(7, id="vk:c:3", parent="vk:c:2"))
    found = await the_case(database)
    assert {(row["thread"], row["case_id"]) for row in await table(database, comments)} == {("vk:c:1", found["id"])}


async def test_somebody_else_in_the_thread_has_a_case_of_their_own(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5), tagged(6, id="vk:c:2", parent="vk:c:1", author="a2"))
    assert len(await table(database, cases)) == 2


async def test_a_thread_moves_when_its_first_comment_was_a_reply(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(7, id="vk:c:3", parent="vk:c:2", author="a3", tag="other"))
    assert [row["thread"] for row in await table(database, comments)] == ["vk:c:2"]
    await tell(worker, tagged(6, id="vk:c:2", parent="vk:c:1", author="a2", tag="other"))
    assert {row["thread"] for row in await table(database, comments)} == {"vk:c:1"}


async def test_threads_move_all_the_way_when_two_come_together(worker: Worker, database: Database) -> None:
    def reply(version: int, id: str, parent: str) -> Delivered:
        return tagged(version, id=f"vk:c:{id}", parent=f"vk:c:{parent}", author=None, tag="other")

    await tell(worker, reply(5, "3", "4"), reply(6, "6", "5"))
    await tell(worker, reply(7, "5", "3"), reply(8, "4", "2"))
    assert {row["thread"] for row in await table(database, comments)} == {"vk:c:2"}


async def test_parents_in_a_ring_do_no_harm(worker: Worker, database: Database) -> None:
    await tell(
        worker,
        tagged(5, id="vk:c:1", parent="vk:c:2"),
        tagged(6, id="vk:c:2", parent="vk:c:1"),
        official(7, id="vk:c:3", parent="vk:c:3"),
    )
    assert len(await table(database, cases)) == 1


async def test_a_character_that_postgresql_cannot_keep(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5, text='а\0б "в" \\ {г}'))
    (version,) = await table(database, comment_versions)
    assert version["text"] == 'а\ufffdб "в" \\ {г}'


async def test_a_batch_is_kept_whole_or_not_at_all(database: Database, region: Snapshot) -> None:
    made = iter(range(3))

    def failing() -> object:
        if next(made, None) is None:
            raise RuntimeError("no more ids")
        return new_id()

    worker = Worker(database, Snapshots(database), wake=lambda: None, new_id=failing)  # type: ignore[arg-type]  # it fails
    with pytest.raises(RuntimeError):
        await worker.handle_tagged([tagged(version, id=f"vk:c:{version}") for version in range(1, 5)])
    assert await table(database, comments) == []
    assert [row for row in await table(database, events) if row["subject_kind"] != "registry"] == []


async def test_a_change_of_the_registry_is_in_force_after_a_second(database: Database, region: Snapshot) -> None:
    now = 0.0
    snapshots = Snapshots(database, monotonic=lambda: now)
    first = await snapshots.current()
    await database.write(lambda conn: conn.execute(registry_version.update().values(version=first.version + 1)))
    now = 0.9
    assert await snapshots.current() is first
    now = 1.0
    assert (await snapshots.current()).version == first.version + 1


async def propose_deletion(worker: Worker, database: Database) -> tuple[Decision, Action]:
    """A moderator decides to have an insult deleted."""
    await tell(worker, tagged(5, tag="other", flags=Flags(toxic=True)))
    (row,) = await table(database, tasks)

    def work(conn: Connection) -> tuple[Decision, Action]:
        now = utc_now()
        placed = task.get(conn, row["id"], lock=True)
        assert placed is not None
        held = lease_task(placed.task, holder="key-1", role="moderator", now=now)
        assert held.lease is not None
        done, proposed = decide(
            held,
            token=held.lease.token,
            id=str(new_id()),
            kind="delete",
            ground="insult",
            decided_by="key-1",
            now=now,
        )
        ordered = Action(
            id=str(new_id()),
            kind="delete",
            platform="vk",
            page=PAGE,
            comment="vk:c:1",
            ground="insult",
            decision=proposed.id,
            ordered_by="key-1",
            ordered_at=now,
            not_after=now + timedelta(days=1),
        )
        changes = Changes(now=now, new_id=new_id)
        changes.task(done, "decided", actor="key-1")
        changes.decision(None, proposed)
        changes.order(ordered)
        changes.write(conn)
        return proposed, ordered

    return await database.write(work)


def outcome(ordered: Action, result: OutcomeKind, number: int, **more: Any) -> Outcome:
    return Outcome(
        action=ordered.id,
        kind=ordered.kind,
        result=result,
        platform=ordered.platform,
        page=ordered.page,
        comment=ordered.comment,
        at=at(number),
        **more,
    )


@pytest.mark.parametrize(
    ("results", "state", "result"),
    [
        (["done"], "enacted", "done"),
        (["done", "done"], "enacted", "done"),
        (["failed"], "failed", "failed"),
        (["needs_person"], "proposed", "needs_person"),
        (["needs_person", "done"], "enacted", "done"),
        (["failed", "done"], "enacted", "done"),
        (["done", "failed"], "enacted", "done"),
    ],
)
async def test_outcomes_settle_decisions(
    worker: Worker, database: Database, results: list[OutcomeKind], state: str, result: str
) -> None:
    proposed, ordered = await propose_deletion(worker, database)
    for number, one in enumerate(results):
        verdict = await worker.handle_outcomes(
            [delivered(outcome(ordered, one, number, link="https://vk.ru/x"), number)]
        )
        assert not verdict
    settled = await database.read(lambda conn: decision.get(conn, proposed.id))
    assert settled is not None
    assert settled.state == state
    heard = await database.read(lambda conn: action.many(conn, [ordered.id]))
    assert (heard[ordered.id].result, heard[ordered.id].link) == (result, "https://vk.ru/x")
    assert (await told(database)).count("decision:enacted") == (1 if state == "enacted" else 0)


async def test_several_outcomes_in_one_batch(worker: Worker, database: Database) -> None:
    proposed, ordered = await propose_deletion(worker, database)
    results: tuple[OutcomeKind, ...] = ("failed", "done", "done")
    batch = [delivered(outcome(ordered, one, place), place) for place, one in enumerate(results)]
    assert not await worker.handle_outcomes(batch)
    settled = await database.read(lambda conn: decision.get(conn, proposed.id))
    assert settled is not None
    assert (settled.state, settled.settled_at) == ("enacted", at(1))


async def test_an_outcome_of_something_never_ordered_is_put_aside(worker: Worker, database: Database) -> None:
    _, ordered = await propose_deletion(worker, database)
    strange = msgspec.structs.replace(ordered, id=str(new_id()))
    batch = [delivered(outcome(strange, "done", 1), 1), delivered(outcome(ordered, "done", 2), 2)]
    verdict = await worker.handle_outcomes(batch)
    assert verdict is not None
    assert {index: poison.reason for index, poison in verdict.items()} == {0: "unknown_action"}
    assert "decision:enacted" in await told(database)


async def test_a_case_survives_its_way_through_the_database(worker: Worker, database: Database) -> None:
    await tell(worker, tagged(5, flags=Flags(urgent=True)))
    found = await the_case(database)
    await accept(database, found["id"])

    def work(conn: Connection) -> tuple[Case, Case]:
        before = case.many(conn, [found["id"]])[found["id"]]
        case.change(conn, [before])
        return before, case.many(conn, [found["id"]])[found["id"]]

    before, after = await database.write(work)
    assert before == after
    assert (before.urgent, before.touched, before.revision) == (True, True, 2)


async def test_the_standing_names_no_case_by_its_id(worker: Worker, database: Database) -> None:
    # Guards the property test's own measure: ids differ from run to run.
    await tell(worker, tagged(5))
    found = await the_case(database)
    assert found["id"] not in repr(await standing(database))
