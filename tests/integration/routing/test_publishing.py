"""An answer on its way to its page: what the outcome makes of the case, and when the answer is stopped."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import msgspec
import pytest

from services.routing import casework
from services.routing.access import EVERYTHING
from services.routing.caller import Caller
from services.routing.casework import CaseView, Move
from services.routing.store.snapshot import Snapshot, Snapshots
from services.routing.web.office import Office
from services.routing.worker import Worker
from shared.auth import Principal, Scope
from shared.bus import Delivered
from shared.clock import new_id, utc_now
from shared.db import Database
from shared.errors import Conflict
from shared.events import Action, ActionCancelled, Outcome, OutcomeKind, decode
from tests.integration.routing.messages import (
    at,
    deleted,
    delivered,
    official,
    restored,
    tagged,
    tell,
    the_case,
    told,
    waiting,
)


class Town:
    """An agent, and what routing sends out."""

    def __init__(self, database: Database, region: Snapshot) -> None:
        self._database = database
        self._region = region
        self._office = Office(
            database=database,
            snapshots=Snapshots(database),
            clock=utc_now,
            new_id=new_id,
            wake=lambda: None,
            lease_seconds=900,
        )

    async def move(self, verb: str, **fields: str) -> CaseView:
        principal = Principal(key_id="agent-1", name="a", role="admin", scope=Scope())
        caller = Caller(principal=principal, sight=EVERYTHING, snapshot=self._region, now=utc_now())
        found = await the_case(self._database)
        asked = msgspec.convert({"verb": verb, **fields}, Move)
        return await self._office.write(partial(casework.move, caller=caller, case_id=found["id"], asked=asked))

    async def answer(self, text: str = "Бригада выехала.") -> CaseView:
        return await self.move("answer", text=text, outcome="resolved")

    async def sent(self) -> list[Action | ActionCancelled]:
        events = [decode(row["subject"], row["payload"].encode()) for row in await waiting(self._database)]
        return [event for event in events if isinstance(event, Action | ActionCancelled)]

    async def orders(self) -> list[Action]:
        return [event for event in await self.sent() if isinstance(event, Action)]

    async def cancelled(self) -> list[str]:
        return [event.action for event in await self.sent() if isinstance(event, ActionCancelled)]

    async def state(self) -> str:
        return str((await the_case(self._database))["state"])


@pytest.fixture
async def town(worker: Worker, database: Database, region: Snapshot) -> Town:
    """A complaint under a VK page, accepted and answered: its answer is on the way."""
    await tell(worker, tagged(5))
    town = Town(database, region)
    await town.move("accept")
    await town.answer()
    return town


def heard(ordered: Action, result: OutcomeKind, detail: str = "", number: int = 50) -> Delivered:
    event = Outcome(
        action=ordered.id,
        kind=ordered.kind,
        result=result,
        platform=ordered.platform,
        page=ordered.page,
        comment=ordered.comment,
        at=at(number),
        detail=detail,
        link="https://vk.ru/wall-990001_1?reply=1",
    )
    return delivered(event, number)


async def test_a_case_is_answered_once_its_answer_stands_there(town: Town, worker: Worker, database: Database) -> None:
    (ordered,) = await town.orders()
    found = await the_case(database)
    assert (found["state"], found["open"], found["reply"], found["answered_at"]) == (
        "publishing", True, ordered.id, None,
    )  # fmt: skip
    assert (ordered.kind, ordered.text, ordered.case) == ("reply", "Бригада выехала.", found["id"])
    for _ in range(2):
        assert not await worker.handle_outcomes([heard(ordered, "done")])
    found = await the_case(database)
    assert (found["state"], found["open"], found["answered_at"], found["answer"]) == (
        "answered", False, at(50), "Бригада выехала.",
    )  # fmt: skip
    assert (await told(database)).count("case:published") == 1
    assert await town.cancelled() == []


@pytest.mark.parametrize("result", ["failed", "needs_person"])
async def test_what_did_not_get_there_comes_back_to_the_institution(
    town: Town, worker: Worker, database: Database, result: OutcomeKind
) -> None:
    (ordered,) = await town.orders()
    await worker.handle_outcomes([heard(ordered, result, "comments are closed")])
    await worker.handle_outcomes([heard(ordered, result, "comments are closed")])
    found = await the_case(database)
    assert (found["state"], found["open"], found["answer"]) == ("publish_failed", True, "Бригада выехала.")
    assert (await told(database)).count("case:publish_failed") == 1
    view = await town.move("confirm", where="https://vk.ru/wall-990001_1?reply=2")
    assert (view.state, view.allowed) == ("answered", ("close", "reopen"))
    assert view.reply is not None
    assert (view.reply.result, view.reply.detail) == (result, "comments are closed")
    assert view.reply.link == "https://vk.ru/wall-990001_1?reply=1"
    assert await town.cancelled() == []


async def test_it_can_be_sent_again_as_another_action(town: Town, worker: Worker) -> None:
    (first,) = await town.orders()
    with pytest.raises(Conflict):
        await town.move("retry")
    await worker.handle_outcomes([heard(first, "needs_person", "dry run")])
    assert (await town.move("retry")).state == "publishing"
    _, second = await town.orders()
    assert (second.text, second.comment) == (first.text, first.comment)
    assert second.id != first.id
    # What is heard of the first one late is no concern of the case.
    await worker.handle_outcomes([heard(first, "failed")])
    assert await town.state() == "publishing"
    await worker.handle_outcomes([heard(second, "done")])
    assert await town.state() == "answered"


async def test_a_first_attempt_that_was_done_after_all_answers_the_case(town: Town, worker: Worker) -> None:
    (ordered,) = await town.orders()
    await worker.handle_outcomes([heard(ordered, "needs_person"), heard(ordered, "done")])
    assert await town.state() == "answered"


async def test_another_answer_replaces_the_one_on_its_way(town: Town, worker: Worker, database: Database) -> None:
    (first,) = await town.orders()
    await town.answer("Бригада выезжает завтра.")
    assert await town.cancelled() == [first.id]
    _, second = await town.orders()
    assert second.text == "Бригада выезжает завтра."
    await worker.handle_outcomes([heard(first, "failed", "It was cancelled before it was begun.")])
    assert await town.state() == "publishing"
    await worker.handle_outcomes([heard(second, "done")])
    found = await the_case(database)
    assert (found["state"], found["answer"]) == ("answered", "Бригада выезжает завтра.")


async def test_reopening_stops_the_answer(town: Town, worker: Worker, database: Database) -> None:
    (ordered,) = await town.orders()
    await town.move("reopen", reason="не то")
    assert await town.cancelled() == [ordered.id]
    assert "action:cancelled" in await told(database)
    await worker.handle_outcomes([heard(ordered, "failed", "It was cancelled before it was begun.")])
    assert await town.state() == "routed"


async def test_an_answer_taken_back_too_late_is_the_answer(town: Town, worker: Worker, database: Database) -> None:
    """Else the citizen would be answered twice, and nobody would know of the first time."""
    (ordered,) = await town.orders()
    await town.move("reopen", reason="не то")
    await town.move("accept")
    await worker.handle_outcomes([heard(ordered, "done")])
    found = await the_case(database)
    assert (found["state"], found["open"], found["answer"], found["answered_at"]) == (
        "answered", False, "Бригада выехала.", at(50),
    )  # fmt: skip


async def test_the_pages_own_answer_stops_ours(town: Town, worker: Worker) -> None:
    (ordered,) = await town.orders()
    await tell(worker, official(9, id="vk:c:2", parent="vk:c:1"))
    assert (await town.state(), await town.cancelled()) == ("answered", [ordered.id])
    await worker.handle_outcomes([heard(ordered, "failed", "cancelled")])
    assert await town.state() == "answered"


async def test_a_person_who_answers_in_our_place_ends_it(town: Town, worker: Worker) -> None:
    (ordered,) = await town.orders()
    await worker.handle_outcomes([heard(ordered, "needs_person")])
    await tell(worker, official(9, id="vk:c:2", parent="vk:c:1"))
    assert (await town.state(), await town.cancelled()) == ("answered", [])


async def test_a_deletion_stops_the_answer(town: Town, worker: Worker) -> None:
    (ordered,) = await town.orders()
    await tell(worker, deleted(9))
    assert (await town.state(), await town.cancelled()) == ("void", [ordered.id])
    await worker.handle_outcomes([heard(ordered, "failed", "cancelled")])
    assert await town.state() == "void"


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_published_answer_outweighs_a_deletion_in_any_order(
    town: Town, worker: Worker, order: tuple[int, ...]
) -> None:
    (ordered,) = await town.orders()
    messages = [deleted(9), restored(10), heard(ordered, "done")]
    for index in order:
        message = messages[index]
        await (worker.handle_outcomes([message]) if isinstance(message.event, Outcome) else tell(worker, message))
    assert await town.state() == "answered"


async def test_an_edit_neither_stops_nor_moves_it(town: Town, worker: Worker) -> None:
    await tell(worker, tagged(9, kind="edited", topic="snow"))
    assert (await town.state(), await town.cancelled()) == ("publishing", [])


async def test_a_follow_up_joins_a_case_whose_answer_is_on_its_way(town: Town, worker: Worker) -> None:
    await tell(worker, tagged(9, id="vk:c:3", parent="vk:c:1", text="Ау?"))
    assert (await town.state(), await town.cancelled()) == ("publishing", [])


async def test_several_outcomes_of_one_case_in_one_batch(town: Town, worker: Worker) -> None:
    (first,) = await town.orders()
    await town.answer("Другой ответ.")
    _, second = await town.orders()
    batch = [heard(first, "failed"), heard(second, "needs_person"), heard(second, "done")]
    assert not await worker.handle_outcomes(batch)
    assert await town.state() == "answered"
