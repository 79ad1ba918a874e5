"""The queue before the judging thread has a bound, and waiting in it an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.classifier import classification
from services.classifier.classification import MAX_WAITING, Judging
from services.classifier.judgement import Judgement
from services.classifier.model import Model
from services.classifier.training.run import Training
from shared.errors import Unavailable


class Slow(Model):
    """Judges only once `go` is set."""

    def __init__(self, training: Training) -> None:
        super().__init__(training.manifest, training.arrays)
        self.go = threading.Event()
        self.asked: list[Sequence[str]] = []

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        self.asked.append(texts)
        assert self.go.wait(30)
        return super().judge(texts)


@pytest.fixture
def slow(training: Training) -> Iterator[Slow]:
    model = Slow(training)
    yield model
    model.go.set()


@pytest.fixture
def judging(slow: Slow) -> Iterator[Judging]:
    with ThreadPoolExecutor(1) as executor:
        yield Judging(slow, executor)
        slow.go.set()


async def test_whoever_comes_beyond_the_bound_is_told_to_come_again(judging: Judging, slow: Slow) -> None:
    waiting = [asyncio.create_task(judging.judge([f"текст {number}"])) for number in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="too many requests"):
        await judging.judge(["ещё"])
    slow.go.set()
    assert [len(judged) for judged in await asyncio.gather(*waiting)] == [1] * MAX_WAITING
    assert len(await judging.judge(["ещё"])) == 1


async def test_waiting_has_an_end_and_what_nobody_waits_for_is_not_judged(
    judging: Judging, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classification, "JUDGE_SECONDS", 0.05)
    given_up = await asyncio.gather(judging.judge(["а"]), judging.judge(["б"]), return_exceptions=True)
    assert [type(outcome) for outcome in given_up] == [Unavailable, Unavailable]
    monkeypatch.undo()
    slow.go.set()
    assert len(await judging.judge(["в"])) == 1
    assert slow.asked == [["а"], ["в"]]
