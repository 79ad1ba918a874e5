"""Shadow and drift look on: they count and sample what they have time for, and hold nothing up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.classifier.judgement import Judgement
from services.classifier.life import drift as drift_module
from services.classifier.life import onlooker as module
from services.classifier.life.disagreement import SLOTS, Comparison, Disagreements
from services.classifier.life.drift import Drift
from services.classifier.life.live import Live
from services.classifier.life.onlooker import MAX_WAITING, Onlooker
from services.classifier.life.registry import load_folder
from services.classifier.life.shadow import Shadow
from services.classifier.model import Model
from services.classifier.training.rows import read_corpus
from shared.bus import Bus
from shared.clock import utc_now
from shared.obs import metrics
from tests.fixtures.broker import Broker
from tests.fixtures.variants import variant, with_reference

TEXTS = [row.text for source in read_corpus() for row in source.rows][:1000]


class Scene:
    """A live model with a shadow, over a real bucket."""

    def __init__(self, bus: Bus, live: Model, shadow: Model | None) -> None:
        self.store = Disagreements(bus)
        self.shadow = Shadow(self.store, replica="r1", clock=utc_now)
        self.shadow.switch(live.version, shadow)
        self.drift = Drift()
        self.onlooker = Onlooker(shadow=self.shadow, drift=self.drift)
        self.live = Live(live)
        self.live.show_to(self.onlooker)

    def judged(self, texts: Sequence[str], first: int = 0) -> list[Judgement]:
        """As the consumer does it."""
        model = self.live.model
        judgements = model.judge(texts)
        self.live.observe([f"vk:wall:-1:{first + number}" for number in range(len(texts))], texts, judgements, by=model)
        return judgements

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.onlooker.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def compared(self, count: int) -> Comparison:
        """The comparison, once that many comments were compared."""
        pair = self.shadow.pair
        assert pair is not None
        async with asyncio.timeout(30):
            while (found := await self.store.read(*pair)).compared < count:
                await asyncio.sleep(0.05)
        return found


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.2)


@pytest.fixture(scope="module")
def packaged() -> Model:
    return Model.load()


@pytest.fixture
def pushed(tmp_path: Path) -> Model:
    """Says spam oftener."""
    variant(tmp_path, towards="spam", by=4.0)
    return Model.load(tmp_path)


def of_metric(live: str, shadow: str) -> float:
    return float(metrics.SHADOW_COMPARED.labels(live=live, shadow=shadow)._value.get())


async def test_disagreements_are_counted_and_sampled_without_a_text(bus: Bus, packaged: Model, pushed: Model) -> None:
    scene = Scene(bus, packaged, pushed)
    texts = TEXTS[:400]
    live, shadow = packaged.judge(texts), pushed.judge(texts)
    differing = [number for number in range(400) if live[number].tag != shadow[number].tag]
    assert 10 < len(differing) < 300
    before = of_metric("other", "spam")
    async with scene.looking():
        scene.judged(texts)
        found = await scene.compared(400)
    assert found.agreed == 400 - len(differing)
    expected = sum(live[number].tag == "other" and shadow[number].tag == "spam" for number in range(400))
    assert found.table["other"]["spam"] == expected == of_metric("other", "spam") - before

    for _ in range(40):
        await scene.shadow.flush()
    found = await scene.compared(400)
    assert found.sample
    for item in found.sample:
        number = int(item.comment.rpartition(":")[2])
        assert (item.live.tag, item.live.scores) == (live[number].tag, live[number].scores)
        assert (item.shadow.tag, item.shadow.scores) == (shadow[number].tag, shadow[number].scores)
    raw = b"".join((await (await bus.bucket("model_disagreements")).entries()).values()).decode()
    assert not any(text in raw for text in texts if len(text) > 10)


async def test_the_sample_and_what_waits_are_bounded(bus: Bus, packaged: Model, tmp_path: Path) -> None:
    variant(tmp_path, towards="spam")
    scene = Scene(bus, packaged, Model.load(tmp_path))
    for start in range(0, 2_000, 500):
        texts = TEXTS[:500]
        live = packaged.judge(texts)
        pair = scene.shadow.pair
        assert pair is not None
        comments = [f"vk:wall:-1:{start + number}" for number in range(500)]
        scene.shadow.record(pair, comments, live, scene.shadow.model.judge(texts) if scene.shadow.model else [])
    for _ in range(60):
        await scene.shadow.flush()
    assert pair is not None
    found = await scene.store.read(*pair)
    assert found.compared == 2_000
    assert 3 * SLOTS - 3 <= len(found.sample) <= 3 * SLOTS


async def test_observing_never_waits_and_forgets_what_it_has_no_room_for(
    bus: Bus, packaged: Model, pushed: Model
) -> None:
    scene = Scene(bus, packaged, pushed)
    judgements = packaged.judge(TEXTS[:200])
    skipped = metrics.OBSERVED.labels(result="skipped")
    before = skipped._value.get()
    began = time.perf_counter()
    for start in range(0, 100_000, 200):
        ids = [f"vk:wall:-1:{start + number}" for number in range(200)]
        scene.live.observe(ids, TEXTS[:200], judgements, by=packaged)
    took = time.perf_counter() - began
    assert took < 8, f"{took:.2f} s for 100,000 comments"
    assert len(scene.onlooker._waiting) <= MAX_WAITING
    assert skipped._value.get() - before >= 99_000
    scene.live.observe(["vk:wall:-1:x"], ["а" * 60_000], judgements[:1], by=packaged)
    async with scene.looking():
        found = await scene.compared(100)
    assert found.compared <= MAX_WAITING


class Slow(Model):
    """Takes its time in another thread."""

    judging = False

    def judge(self, texts: Sequence[str], replies: Sequence[bool] | None = None) -> list[Judgement]:
        Slow.judging = True
        time.sleep(0.3)
        Slow.judging = False
        return super().judge(texts, replies)


async def test_a_slow_shadow_takes_a_fifth_of_the_time_and_the_loop_goes_on(
    bus: Bus, packaged: Model, tmp_path: Path
) -> None:
    variant(tmp_path, unsure=0.3)
    scene = Scene(bus, packaged, Slow.load(tmp_path))
    turns = 0
    async with scene.looking():
        began = time.monotonic()
        while time.monotonic() - began < 4:
            scene.judged(TEXTS[:50])
            await asyncio.sleep(0.01)
            turns += Slow.judging
        pair = scene.shadow.pair
        assert pair is not None
        compared = sum(sum(row.values()) for row in scene.shadow._table.values())
    # 0.3 s of looking, then 1.2 s of rest: three or four batches of 64 at most.
    assert 64 <= compared <= 4 * 64
    # Where the shadow held the loop up, there would be none; undisturbed, there are about a hundred.
    assert turns >= 10


class Broken(Model):
    """Fails at everything."""

    def judge(self, texts: Sequence[str], replies: Sequence[bool] | None = None) -> list[Judgement]:
        raise RuntimeError("broken")


async def test_a_shadow_that_breaks_harms_nobody(bus: Bus, packaged: Model, tmp_path: Path) -> None:
    variant(tmp_path, unsure=0.3)
    scene = Scene(bus, packaged, Broken.load(tmp_path))
    async with scene.looking():
        scene.judged(TEXTS[:10])
        await asyncio.sleep(0.5)
        scene.shadow.switch(packaged.version, Model.load(tmp_path))
        scene.judged(TEXTS[:10])
        assert (await scene.compared(10)).compared == 10


async def test_a_shadow_that_breaks_takes_no_drift_with_it_and_fills_no_log(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_module, "ENOUGH", 100)
    variant(tmp_path / "live")
    with_reference(tmp_path / "live")
    loaded = load_folder(tmp_path / "live")
    variant(tmp_path / "shadow", unsure=0.3)
    scene = Scene(bus, loaded.model, Broken.load(tmp_path / "shadow"))
    scene.drift.switch(loaded.model.version, loaded.reference)
    with capture_logs() as entries:
        began = time.monotonic()
        async with scene.looking(), asyncio.timeout(20):
            while not scene.drift.indices() or time.monotonic() - began < 1.0:
                scene.judged(TEXTS[:64])
                await asyncio.sleep(0.005)
    lines = [entry["event"] for entry in entries]
    assert set(lines) == {"shadow failed"}
    assert len(lines) <= (time.monotonic() - began) / 0.2 + 1


async def test_counts_outlive_a_switch_and_a_broker_that_was_away(
    bus: Bus, broker: Broker, packaged: Model, pushed: Model
) -> None:
    scene = Scene(bus, packaged, pushed)
    async with scene.looking():
        scene.judged(TEXTS[:64])
        await scene.compared(64)
        scene.shadow.switch(packaged.version, None)
        scene.judged(TEXTS[:64])
        scene.shadow.switch(packaged.version, pushed)
        broker.kill()
        scene.judged(TEXTS[:64], first=100)
        await asyncio.sleep(1)
        broker.start()
        async with asyncio.timeout(20):
            while not bus.ready:
                await asyncio.sleep(0.1)
        scene.judged(TEXTS[:64], first=200)
        assert (await scene.compared(64 + 64)).compared >= 64 + 64


async def test_drift_of_the_last_comments_is_told(bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_module, "ENOUGH", 100)
    variant(tmp_path)
    with_reference(tmp_path)
    loaded = load_folder(tmp_path)
    scene = Scene(bus, loaded.model, None)
    scene.drift.switch(loaded.model.version, loaded.reference)
    async with scene.looking():
        async with asyncio.timeout(20):
            while not scene.drift.indices():
                scene.judged(["Please tell me when the library opens tomorrow"] * 20)
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
    assert scene.drift.indices()["foreign"] > 1
    assert metrics.DRIFT_INDEX.labels(measure="foreign")._value.get() > 1
    assert metrics.DRIFT_INPUT.labels(measure="foreign")._value.get() == 1
