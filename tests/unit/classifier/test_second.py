"""Whom the second reader takes, in which order, and what it does when nothing goes well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from services.classifier.careful import second as module
from services.classifier.careful.second import SecondReader
from services.classifier.careful.sending import Sending
from services.classifier.judged import Judged
from services.classifier.judgement import Judgement
from shared.bus import Outgoing, Patience, Published
from shared.errors import Transient, Unavailable
from shared.events import CommentCreated, Repeated, Tagged
from tests.fixtures.careful import CLEAR, DEADLY, UNCLEAR, ToyEmbedder, TwoMinds, judgement

QUICK = Patience(pauses=(0.01,))


class Desk:
    """A second reader with a clock that stands still, and what it sent."""

    def __init__(self, embedder: ToyEmbedder, executor: ThreadPoolExecutor, model: TwoMinds) -> None:
        self.model = model
        self.embedder = embedder
        self.sent: list[Tagged] = []
        self.away = 0
        self.refused: Callable[[Tagged], bool] = lambda event: False
        self.now = 0.0
        self.second = SecondReader(
            embedder,
            executor=executor,
            sending=Sending(self._publish, patience=QUICK),
            clock=lambda: self.now,
            hold_seconds=60.0,
        )

    async def _publish(self, events: Sequence[Outgoing]) -> list[Published]:
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        if any(isinstance(item.event, Tagged) and self.refused(item.event) for item in events):
            raise ValueError("nobody foresaw this")
        self.sent += [item.event for item in events if isinstance(item.event, Tagged)]
        return [Published(sequence=0, duplicate=False) for _ in events]

    def judged(self, text: str, number: int = 1, repeated: Repeated | None = None) -> Judged:
        comment = CommentCreated(
            id=f"vk:wall:-1:{number}", platform="vk", page="vk:-1", received_at=datetime.now(UTC), text=text
        )
        (said,) = self.model.judge([text])
        return Judged(comment=comment, version=number, judgement=said, model=self.model, repeated=repeated)


@asynccontextmanager
async def desk(embedder: ToyEmbedder, model: TwoMinds) -> AsyncIterator[Desk]:
    with ThreadPoolExecutor(1) as executor:
        made = Desk(embedder, executor, model)
        stop = asyncio.Event()
        task = asyncio.create_task(made.second.run(stop))
        await asyncio.sleep(0)
        try:
            yield made
        finally:
            embedder.gate.set()
            stop.set()
            await asyncio.wait_for(task, 30)


@pytest.fixture(scope="module")
def model() -> TwoMinds:
    loaded = TwoMinds.load()
    assert isinstance(loaded, TwoMinds)
    return loaded


async def test_unsure_ones_are_read_before_sure_ones(model: TwoMinds) -> None:
    embedder = ToyEmbedder(closed=True)
    async with desk(embedder, model) as at:
        first = at.second.hold(at.judged(f"{CLEAR} 1", 1))
        await asyncio.sleep(0)
        sure = at.second.hold(at.judged(f"{CLEAR} 2", 2))
        unsure = at.second.hold(at.judged(f"{UNCLEAR} 3", 3))
        embedder.gate.set()
        await asyncio.gather(first, sure, unsure)
    assert [event.version for event in at.sent] == [1, 3, 2]


async def test_there_is_room_for_what_can_be_read_in_time(model: TwoMinds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_GUESS", 0.01)
    async with desk(ToyEmbedder(closed=True), model) as at:
        many = [at.judged(f"{UNCLEAR} {number}", number) for number in range(100)]
        room = at.second.room(many)
        price = module.cost(many[0].comment.text) * 0.01
        limit = module.UNSURE_BACKLOG * 60.0 / module.HOLD_SECONDS
        assert room == set(range(len(room)))
        assert (len(room) - 1) * price <= limit + 0.1
        assert len(room) >= min(100, int(limit / price)) - 1


async def test_sure_ones_are_read_on_a_quiet_day_alone(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(), model) as at:
        assert at.second.room([at.judged(CLEAR)]) == {0}
        busy = [at.judged(CLEAR * 5, number) for number in range(100)]
        assert at.second.room(busy) == set()
        assert at.second.room([at.judged(CLEAR)]) == set()
        at.now += 60.0
        assert at.second.room([at.judged(CLEAR)]) == {0}


async def test_under_a_flood_it_rests(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(), model) as at:
        flood = [at.judged(f"{UNCLEAR} {number}" * 10, number) for number in range(1_300)]
        assert at.second.room(flood) == set()
        at.now += 60.0
        assert at.second.room(flood[:1]) == {0}


async def test_in_a_flood_it_finds_out_that_it_has_become_fast_again(model: TwoMinds) -> None:
    embedder = ToyEmbedder(closed=True)
    async with desk(embedder, model) as at:
        few = [at.judged(f"{UNCLEAR} {number}" * 10, number) for number in range(40)]
        slow = at.second.hold(few[0])
        await asyncio.sleep(0)
        at.now += 100.0
        embedder.gate.set()
        await slow
        assert at.second.room(few) == set()
        for _ in range(20):
            at.now += 5.0
            room = at.second.room(few)
            if len(room) > 1:
                break
            # In a flood, as far as it knows: one to find out.
            assert room == {0}
            await at.second.hold(few[0])
            assert at.second.room(few) == set()
        assert len(room) > 1


async def test_there_is_never_room_for_more_than_the_bound(model: TwoMinds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 3)
    async with desk(ToyEmbedder(closed=True), model) as at:
        many = [at.judged(f"{UNCLEAR} {number}", number) for number in range(10)]
        room = at.second.room(many)
        assert len(room) == 3
        for index in room:
            at.second.hold(many[index])
        assert at.second.room(many) == set()


async def test_a_closed_reader_has_no_room_and_hands_back(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(), model) as at:
        pass
    assert at.second.room([at.judged(UNCLEAR)]) == set()
    with pytest.raises(Transient):
        await at.second.hold(at.judged(UNCLEAR))


async def test_repetition_is_weighed_again(model: TwoMinds, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(self: TwoMinds, texts: Sequence[str], *_: object) -> list[Judgement]:
        return [judgement("other", spam=0.4, other=0.56, question=0.02, complaint=0.02) for _ in texts]

    monkeypatch.setattr(TwoMinds, "judge_carefully", other)
    repeated = Repeated(same="text", comments=20, pages=20, authors=1)
    async with desk(ToyEmbedder(), model) as at:
        await at.second.hold(at.judged(UNCLEAR, repeated=repeated))
    assert [(event.tag, event.unsure, event.reader) for event in at.sent] == [("spam", True, "careful")]


async def test_what_is_sure_is_the_careful_readers_own_border(model: TwoMinds, monkeypatch: pytest.MonkeyPatch) -> None:
    def spam(self: TwoMinds, texts: Sequence[str], *_: object) -> list[Judgement]:
        return [judgement("spam", unsure=True, spam=0.5, other=0.46, question=0.02, complaint=0.02) for _ in texts]

    monkeypatch.setattr(TwoMinds, "judge_carefully", spam)
    monkeypatch.setattr(model, "careful_unsure", 0.95)
    repeated = Repeated(same="text", comments=20, pages=20, authors=1)
    async with desk(ToyEmbedder(), model) as at:
        await at.second.hold(at.judged(UNCLEAR, repeated=repeated))
    assert [(event.tag, event.unsure) for event in at.sent] == [("spam", True)]
    assert model.thresholds.unsure < at.sent[0].confidence < 0.95


async def test_a_fault_of_the_model_leaves_the_fast_judgement(model: TwoMinds, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: TwoMinds, texts: Sequence[str], embeddings: NDArray[np.float32], *_: object) -> list[Judgement]:
        raise ValueError("wrong shape")

    monkeypatch.setattr(TwoMinds, "judge_carefully", broken)
    async with desk(ToyEmbedder(), model) as at:
        await at.second.hold(at.judged(UNCLEAR))
    assert [event.reader for event in at.sent] == ["fast"]


async def test_a_text_that_cannot_be_embedded_leaves_the_fast_judgement(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(), model) as at:
        await at.second.hold(at.judged(DEADLY))
    assert [event.reader for event in at.sent] == ["fast"]


async def test_what_fails_at_once_says_nothing_of_the_pace(model: TwoMinds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_GUESS", 0.01)
    embedder = ToyEmbedder()
    async with desk(embedder, model) as at:
        many = [at.judged(f"{UNCLEAR} {number}" * 5, number) for number in range(100)]
        before = len(at.second.room(many))
        at.now += 60.0
        for number in range(20):
            await at.second.hold(at.judged(f"{DEADLY}", number))
        assert len(at.second.room(many)) == before


async def test_it_is_sent_again_until_it_is_stored(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(), model) as at:
        at.away = 3
        await at.second.hold(at.judged(UNCLEAR))
    assert len(at.sent) == 1


async def test_what_cannot_be_stored_at_the_end_is_handed_back(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(closed=True), model) as at:
        promise = at.second.hold(at.judged(UNCLEAR))
        at.away = 1_000
    with pytest.raises(Transient):
        await promise
    assert at.sent == []


async def test_what_the_consumer_gave_up_is_not_sent(model: TwoMinds) -> None:
    embedder = ToyEmbedder(closed=True)
    async with desk(embedder, model) as at:
        given_up = at.second.hold(at.judged(f"{UNCLEAR} 1", 1))
        kept = at.second.hold(at.judged(f"{UNCLEAR} 2", 2))
        given_up.cancel()
        embedder.gate.set()
        await kept
    assert [event.version for event in at.sent] == [2]


async def test_what_cannot_be_sent_as_it_was_read_goes_on_as_the_fast_reader_said(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(closed=True), model) as at:
        at.refused = lambda event: event.reader == "careful" and event.version == 2
        promises = [at.second.hold(at.judged(f"{UNCLEAR} {number}", number)) for number in range(1, 4)]
        at.away = 1
        at.embedder.gate.set()
        await asyncio.gather(*promises)
        at.refused = lambda event: False
        await at.second.hold(at.judged(f"{UNCLEAR} 4", 4))
    assert {event.version: event.reader for event in at.sent} == {1: "careful", 2: "fast", 3: "careful", 4: "careful"}
    assert len(at.sent) == 4


async def test_what_cannot_be_sent_at_all_breaks_its_own_promise_alone(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(), model) as at:
        at.refused = lambda event: event.version == 2
        promises = [at.second.hold(at.judged(f"{UNCLEAR} {number}", number)) for number in range(1, 4)]
        first, second, third = await asyncio.gather(*promises, return_exceptions=True)
        assert (first, third) == (None, None)
        assert isinstance(second, ValueError)
        await at.second.hold(at.judged(f"{UNCLEAR} 4", 4))
    assert sorted(event.version for event in at.sent) == [1, 3, 4]


async def test_at_the_end_too_each_is_sent_as_it_can_be(model: TwoMinds) -> None:
    async with desk(ToyEmbedder(closed=True), model) as at:
        at.refused = lambda event: event.version == 2
        promises = [at.second.hold(at.judged(f"{UNCLEAR} {number}", number)) for number in range(1, 4)]
    first, second, third = await asyncio.gather(*promises, return_exceptions=True)
    assert (first, third) == (None, None)
    assert isinstance(second, ValueError)
    assert sorted(event.version for event in at.sent) == [1, 3]
