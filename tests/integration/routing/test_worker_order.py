"""Whatever the order, however often, by however many processes: the same end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.routing.store.schema import cases, comment_versions, comments, events, outbox, tasks
from services.routing.store.snapshot import Snapshots
from services.routing.worker import Worker
from shared.bus import Delivered
from shared.db import Database
from shared.errors import Transient
from shared.events import CommentDeleted, CommentRestored, Flags, Tagged
from tests.integration.routing.messages import deleted, official, restored, standing, table, tagged, tell

IDS = ("a", "b")


@st.composite
def histories(draw: st.DrawFn) -> list[Delivered]:
    """What may happen to two comments of two authors, one perhaps replying to the other, and the page's answers.

    Comment ids are short here and made unique for each run by `renamed`.
    """
    messages: list[Delivered] = []
    replies = draw(st.booleans())
    for version in range(1, draw(st.integers(2, 7))):
        id = draw(st.sampled_from(IDS))
        parent = "a" if id == "b" and replies else None
        match draw(st.sampled_from(["content", "content", "content", "deleted", "restored", "answer"])):
            case "deleted":
                messages.append(deleted(version, id=id))
            case "restored":
                messages.append(restored(version, id=id))
            case "answer":
                messages.append(official(version, id=f"answer-{version}", parent=id))
            case _:
                messages.append(
                    tagged(
                        version,
                        id=id,
                        kind=draw(st.sampled_from(["created", "edited"])),
                        author=f"author-{id}",
                        parent=parent,
                        post=draw(st.sampled_from(["vk:p:1", "vk:p:2"])),
                        tag=draw(st.sampled_from(["question", "complaint", "spam", "other"])),
                        topic=draw(st.sampled_from(["heating", "snow"])),
                        unsure=draw(st.booleans()),
                        flags=Flags(urgent=draw(st.booleans()), toxic=draw(st.booleans())),
                    )
                )
    return messages


def renamed(messages: Sequence[Delivered], prefix: str) -> list[Delivered]:
    """The same messages about comments of another name, so that many runs share one database."""
    from msgspec.structs import replace

    found = []
    for message in messages:
        event = message.event
        if isinstance(event, Tagged):
            parent = event.comment.parent
            comment = replace(
                event.comment, id=prefix + event.comment.id, parent=None if parent is None else prefix + parent
            )
            event = replace(event, comment=comment)
        else:
            assert isinstance(event, CommentDeleted | CommentRestored)
            event = replace(event, id=prefix + event.id)
        found.append(replace(message, event=event))
    return found


def unprefixed(state: dict[str, object], prefix: str) -> str:
    return repr(state).replace(prefix, "")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target],
)
@given(history=histories(), seed=st.integers(0, 2**32))
def test_any_order_any_number_of_times(worker_runner: Runner, history: list[Delivered], seed: int) -> None:
    rng = random.Random(seed)
    shuffled = [*history, *rng.choices(history, k=2)]
    rng.shuffle(shuffled)
    cut = rng.randrange(len(shuffled) + 1)
    in_order = worker_runner.run(lambda prefix: [renamed([one], prefix) for one in history])
    at_once = worker_runner.run(lambda prefix: [renamed(history, prefix)])
    mixed = worker_runner.run(lambda prefix: [renamed(shuffled[:cut], prefix), renamed(shuffled[cut:], prefix)])
    assert at_once == in_order
    assert mixed == in_order


class Runner:
    """Runs histories one after another against one database, each about comments of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._worker = Worker(database, Snapshots(database), wake=lambda: None)
        self._runs = 0
        self._loop = asyncio.new_event_loop()

    def run(self, batches: object) -> str:
        """Hands the batches over and returns what they come to."""
        self._runs += 1
        prefix = f"run{self._runs}:"

        async def work() -> str:
            for batch in batches(prefix):  # type: ignore[operator]  # a function of the prefix
                await tell(self._worker, *batch)
            return unprefixed(await standing(self._database, prefix), prefix)

        return self._loop.run_until_complete(work())

    def close(self) -> None:
        self._loop.close()


@pytest.fixture
def worker_runner(database: Database) -> object:
    runner = Runner(database)
    yield runner
    runner.close()


async def patiently(handle: Callable[[Sequence[Delivered]], Awaitable[object]], batch: Sequence[Delivered]) -> None:
    """As the consumer does: eight that write to one SQLite file may wait longer than it takes to say busy."""
    async with asyncio.timeout(120):
        while True:
            try:
                await handle(batch)
                return
            except Transient:
                await asyncio.sleep(0.05)


async def at_once(url: str, history: Sequence[Delivered]) -> None:
    """Eight handlers over connections of their own are given the same comments, cut into different batches."""
    databases = [Database.open(url) for _ in range(8)]

    async def process(database: Database, seed: int) -> None:
        worker = Worker(database, Snapshots(database), wake=lambda: None)
        mine = random.Random(seed).sample(history, len(history))
        for start in range(0, len(mine), 25):
            batch = mine[start : start + 25]
            await patiently(worker.handle_tagged, [one for one in batch if isinstance(one.event, Tagged)])
            await patiently(worker.handle_life, [one for one in batch if not isinstance(one.event, Tagged)])

    try:
        await asyncio.gather(*(process(database, seed) for seed, database in enumerate(databases)))
    finally:
        for database in databases:
            database.close()


async def test_many_processes_take_in_the_same_at_once(region_url: str, database: Database) -> None:
    history = [
        message
        for number in range(1, 40)
        for message in (
            tagged(number * 10 + 1, id=f"c{number}", author=f"a{number}", unsure=number % 3 == 0),
            tagged(number * 10 + 2, id=f"c{number}", author=f"a{number}", kind="edited", topic="snow"),
            official(number * 10 + 3, id=f"o{number}", parent=f"c{number}"),
            deleted(number * 10 + 4, id=f"c{number}"),
        )
    ]
    await at_once(region_url, history)
    opened = await table(database, cases)
    assert sorted(row["comment_id"] for row in opened) == sorted(f"c{number}" for number in range(1, 40))
    # A page's answer outweighs the deletion, whichever came first; and no process missed it.
    assert {(row["state"], row["topic"]) for row in opened} == {("answered", "snow")}
    assert len(await table(database, comment_versions)) == len(history)
    heads = {row["id"]: row for row in await table(database, comments)}
    assert {
        (heads[f"c{number}"]["version"] - number * 10, heads[f"c{number}"]["alive"]) for number in range(1, 40)
    } == {(4, False)}
    assert not [row for row in await table(database, tasks) if row["undecided"]]
    log = [(row["case_id"], row["event"]) for row in await table(database, events)]
    assert Counter(log)[opened[0]["id"], "answered_outside"] == 1
    assert len({row["id"] for row in await table(database, events)}) == len(log)
    told = [row["msg_id"] for row in await table(database, outbox)]
    assert len(told) == len(set(told))


async def test_an_author_gets_one_case_from_many_processes(region_url: str, database: Database) -> None:
    history = [
        message
        for number in range(1, 60)
        for message in (
            tagged(number * 10 + 1, id=f"c{number}", author=f"a{number}"),
            tagged(number * 10 + 2, id=f"f{number}", author=f"a{number}", parent=f"c{number}"),
        )
    ]
    await at_once(region_url, history)
    owners: dict[str, set[str]] = {}
    for row in await table(database, comments):
        owners.setdefault(row["author"], set()).add(row["case_id"])
    assert {author: len(found) for author, found in owners.items()} == {f"a{number}": 1 for number in range(1, 60)}
    assert len(await table(database, cases)) == 59
