"""Models are switched under load, two replicas at once, one of them killed, a damaged version in between: every comment
is tagged once, by a version that was live."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from services.classifier.life.registry import Registry
from services.classifier.life.replica import Replicas
from services.classifier.life.standing import Pointers
from services.classifier.model import Model
from shared.bus import Bus, Delivered, Outgoing, history
from shared.clock import utc_now
from shared.events import CommentCreated, Tagged
from tests.fixtures.ports import free_port
from tests.fixtures.stack import ROOT
from tests.fixtures.variants import damage, variant

COMMENTS = 12_000
GROUP = 50
SETTLE_SECONDS = 120.0
TEXTS = (
    "Когда уже починят лифт в третьем подъезде? Второй месяц пешком на девятый этаж",
    "Спасибо за праздник, детям очень понравилось!",
    "Опять нет горячей воды, и никто ничего не объясняет",
    "Заработок от 5000 в день без вложений, пишите в личку",
)


class Replica:
    """One process of the classifier."""

    def __init__(self, nats_url: str, log: Path) -> None:
        environment = {
            **os.environ,
            "OTKLIK_NATS_URL": nats_url,
            "OTKLIK_CLASSIFIER_PORT": str(free_port()),
            "OTKLIK_CAREFUL": "off",
            "OTKLIK_LOG_FORMAT": "json",
        }
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.classifier", "serve"],
                cwd=ROOT, env=environment, stdout=file, stderr=file,
            )  # fmt: skip

    def end(self, number: int) -> None:
        """Sends the signal and waits."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=40)


@pytest.fixture
def processes() -> Iterator[list[Replica]]:
    started: list[Replica] = []
    yield started
    for replica in started:
        replica.end(signal.SIGKILL)


async def _comments(bus: Bus, done: asyncio.Event) -> None:
    """As fast as two replicas judge them, until enough were sent and `done` is set."""
    for start in itertools.count(0, GROUP):
        if start >= COMMENTS and done.is_set():
            return
        events = [
            CommentCreated(
                id=f"vk:wall:-1:{number}",
                platform="vk",
                page="vk:-1",
                received_at=utc_now(),
                text=f"{TEXTS[number % len(TEXTS)]} ({number})",
            )
            for number in range(start, start + GROUP)
        ]
        await bus.publish([Outgoing(event=event, msg_id=f"c:{event.id}") for event in events])
        await asyncio.sleep(0.02)


async def _tagged(bus: Bus) -> list[Tagged]:
    async with aclosing(history(bus, "TAGGED", ["tagged.*.*.*"])) as items:
        found = [item.event for item in items_of([one async for one in items])]
    assert all(isinstance(event, Tagged) for event in found)
    return [event for event in found if isinstance(event, Tagged)]


def items_of(items: list[object]) -> list[Delivered]:
    assert all(isinstance(item, Delivered) for item in items)
    return [item for item in items if isinstance(item, Delivered)]


async def _all_judge_with(bus: Bus, version: str, count: int) -> None:
    async with asyncio.timeout(SETTLE_SECONDS):
        while True:
            found = await Replicas(bus).all()
            if sum(item.live == version for item in found) >= count:
                return
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_every_comment_is_tagged_once_by_a_version_that_was_live(
    nats_url: str, tmp_path: Path, processes: list[Replica]
) -> None:
    log = tmp_path / "classifier.log"
    async with await Bus.connect(nats_url, name="test") as bus:
        await bus.ensure()
        pointers = Pointers(bus, clock=utc_now)
        versions = []
        for name, unsure in (("a", 0.3), ("b", 0.4), ("bad", 0.45)):
            versions.append(variant(tmp_path / name, unsure=unsure))
            await Registry(bus).publish(tmp_path / name, by="test")
        first, second, bad = versions
        await damage(bus, bad)
        packaged = Model.load().version

        processes += [Replica(nats_url, log), Replica(nats_url, log)]
        await _all_judge_with(bus, packaged, 2)
        done = asyncio.Event()
        citizens = asyncio.create_task(_comments(bus, done))
        try:
            await asyncio.sleep(1)
            await pointers.promote(first, by="test")
            await _all_judge_with(bus, first, 2)
            await pointers.set_shadow(second, by="test")
            await asyncio.sleep(1)
            processes[0].end(signal.SIGKILL)
            await pointers.promote(bad, by="test")
            processes.append(Replica(nats_url, log))
            async with asyncio.timeout(SETTLE_SECONDS):
                # The one that started with the damaged version in the pointer judges with the one before.
                while sum(item.live == first and bool(item.live_problem) for item in await Replicas(bus).all()) < 2:
                    await asyncio.sleep(0.1)
            await pointers.roll_back(by="test")
            for version in (second, first, second):
                await pointers.promote(version, by="test")
                await _all_judge_with(bus, version, 2)
        finally:
            done.set()
            await citizens

        sent = (await bus.jetstream.stream_info("COMMENTS")).state.messages
        async with asyncio.timeout(SETTLE_SECONDS):
            while (await bus.jetstream.stream_info("TAGGED")).state.messages < sent:
                await asyncio.sleep(0.2)
        for replica in processes[1:]:
            replica.end(signal.SIGTERM)
        events = await _tagged(bus)
        told = log.read_text(encoding="utf-8")
    assert len(events) == sent
    assert len({event.comment.id for event in events}) == sent
    by = Counter(event.model for event in events)
    assert set(by) == {packaged, first, second}, by
    assert bad in told
    assert "Traceback" not in told
    print(f"\n{sent} comments, judged by {dict(by)}")
