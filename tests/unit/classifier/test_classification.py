"""The queue before the judging thread has a bound, and waiting in it an end; few texts are read carefully."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.classifier import classification
from services.classifier.classification import MAX_CAREFUL_TEXTS, MAX_WAITING, Judging
from services.classifier.judgement import Judgement
from services.classifier.life.live import Live
from services.classifier.model import Model
from services.classifier.training.run import Training
from shared.errors import Unavailable
from tests.fixtures.careful import CLEAR, DEADLY, ToyEmbedder, TwoMinds


class Slow(Model):
    """Judges only once `go` is set."""

    def __init__(self, training: Training) -> None:
        super().__init__(training.manifest, training.arrays)
        self.go = threading.Event()
        self.asked: list[Sequence[str]] = []

    def judge(self, texts: Sequence[str], replies: Sequence[bool] | None = None) -> list[Judgement]:
        self.asked.append(texts)
        assert self.go.wait(30)
        return super().judge(texts, replies)


@pytest.fixture
def slow(training: Training) -> Iterator[Slow]:
    model = Slow(training)
    yield model
    model.go.set()


@pytest.fixture
def judging(slow: Slow) -> Iterator[Judging]:
    with ThreadPoolExecutor(1) as executor:
        yield Judging(Live(slow), executor)
        slow.go.set()


async def test_whoever_comes_beyond_the_bound_is_told_to_come_again(judging: Judging, slow: Slow) -> None:
    waiting = [asyncio.create_task(judging.judge([f"текст {number}"])) for number in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="too many requests"):
        await judging.judge(["ещё"])
    slow.go.set()
    assert [len(judged) for _, _, judged in await asyncio.gather(*waiting)] == [1] * MAX_WAITING
    assert len((await judging.judge(["ещё"]))[2]) == 1


async def test_waiting_has_an_end_and_what_nobody_waits_for_is_not_judged(
    judging: Judging, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classification, "JUDGE_SECONDS", 0.05)
    given_up = await asyncio.gather(judging.judge(["а"]), judging.judge(["б"]), return_exceptions=True)
    assert [type(outcome) for outcome in given_up] == [Unavailable, Unavailable]
    monkeypatch.undo()
    slow.go.set()
    assert len((await judging.judge(["в"]))[2]) == 1
    assert slow.asked == [["а"], ["в"]]


@pytest.fixture
def careful() -> Iterator[Judging]:
    with ThreadPoolExecutor(1) as executor:
        yield Judging(Live(TwoMinds.load()), executor, embedder=ToyEmbedder())


async def test_few_texts_are_read_carefully(careful: Judging) -> None:
    _, reader, (said,) = await careful.judge([CLEAR], careful=True)
    assert (reader, said.tag) == ("careful", "question")
    _, reader, _ = await careful.judge([CLEAR] * MAX_CAREFUL_TEXTS, careful=True)
    assert reader == "careful"


async def test_what_nobody_waits_for_any_more_is_not_read_carefully(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "JUDGE_SECONDS", 0.05)
    embedder = ToyEmbedder(closed=True)
    with ThreadPoolExecutor(1) as executor:
        judging = Judging(Live(TwoMinds.load()), executor, embedder=embedder)
        with pytest.raises(Unavailable, match="not judged within"):
            await judging.judge([CLEAR] * MAX_CAREFUL_TEXTS, careful=True)
        embedder.gate.set()
    assert len(embedder.read) == 1


async def test_who_waits_too_long_for_the_careful_reader_is_read_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "CAREFUL_SECONDS", 0.05)
    embedder = ToyEmbedder(closed=True)
    with ThreadPoolExecutor(1) as fast, ThreadPoolExecutor(1) as reading:
        judging = Judging(Live(TwoMinds.load()), fast, embedder=embedder, careful=reading)
        outcomes = await asyncio.gather(*(judging.judge([CLEAR] * 2, careful=True) for _ in range(3)))
        embedder.gate.set()
    assert [(reader, [one.tag for one in said]) for _, reader, said in outcomes] == [("fast", ["complaint"] * 2)] * 3
    assert len(embedder.read) == 1


@pytest.mark.parametrize(
    ("texts", "wanted"), [([CLEAR], False), ([CLEAR] * (MAX_CAREFUL_TEXTS + 1), True), ([CLEAR, DEADLY], True)]
)
async def test_others_are_read_fast(careful: Judging, texts: list[str], wanted: bool) -> None:
    _, reader, said = await careful.judge(texts, careful=wanted)
    assert (reader, len(said), said[0].tag) == ("fast", len(texts), "complaint")


async def test_a_fault_of_the_careful_reader_leaves_the_fast_one(
    careful: Judging, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[Judgement]:
        raise ValueError("wrong shape")

    monkeypatch.setattr(TwoMinds, "judge_carefully", broken)
    _, reader, (said,) = await careful.judge([CLEAR], careful=True)
    assert (reader, said.tag) == ("fast", "complaint")
