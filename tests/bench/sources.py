"""`python -m tests.bench.sources`: what two thousand sources cost one process of ingest, and whether those that hang or
fail delay the others. Part of `make bench`; about eight minutes."""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import psutil
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from services.ingest.polling import RECONCILES_A_SECOND
from shared.bus import Bus
from shared.events import CommentCreated, decode
from shared.obs import configure_logging
from tests.bench.crowd import Hook, Ill, Order, Page, Told
from tests.bench.machine import description
from tests.fixtures.stack import ROOT, Stack

T = TypeVar("T")

SHARES = (("vk", "poll", 30), ("vk", "hook", 20), ("telegram", "poll", 20), ("max", "hook", 10), ("max", "poll", 5),
          ("ok", "poll", 15))  # fmt: skip
"""Of a hundred sources."""
ADDING = 16
"""Requests at once that add sources."""
SETTLE_SECONDS = 20.0
"""From the turn of the last source to be read back until its pass is over."""
IDLE_SECONDS = 120.0
"""Odnoklassniki's sources are asked once a minute, many together: a shorter window sees more of them, or fewer."""
TURNS = 4
"""Windows of each kind."""
HOLD_SECONDS = 8.0
"""Before each window: who was cut off has asked again by then."""
DRAIN_SECONDS = 5.0


class Crowd:
    """The process with the stand-ins."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.crowd"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.addresses: dict[str, str] = self._read(dict[str, str])

    def tell(self, order: Order) -> Told:
        """Gives an order, and waits until it is carried out."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return self._read(Told)

    def cpu(self) -> float:
        """Seconds of processor time."""
        return _cpu(self._process.pid)

    def _read(self, kind: type[T]) -> T:
        assert self._process.stdout is not None
        return msgspec.json.decode(self._process.stdout.readline(), type=kind)

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def pages(count: int) -> list[Page]:
    """`count` pages in SHARES, mixed."""
    kinds = [(platform, way) for platform, way, share in SHARES for _ in range(share)]
    random.Random(1).shuffle(kinds)  # no secret
    made = []
    for number in range(count):
        platform, way = kinds[number % len(kinds)]
        made.append(msgspec.convert({"number": number + 1, "platform": platform, "way": way}, Page))
    return made


async def add(stack: Stack, wanted: list[Page]) -> dict[str, Hook]:
    """Adds them as people do; returns the hooks by source."""
    hooks: dict[str, Hook] = {}
    waiting = iter(wanted)

    async def one(client: httpx.AsyncClient) -> None:
        for page in waiting:
            fields: dict[str, object] = {"id": page.source, "platform": page.platform, "page": page.page}
            if page.platform == "telegram":
                fields["group"] = str(int(page.page.partition(":")[2]) - 500_000_000_000)
            answer = await client.post("/v1/sources", json=fields | {"way": page.way, "secrets": page.secrets})
            if answer.status_code != 201:
                raise RuntimeError(f"{page.source}: {answer.status_code} {answer.text}")
            if page.way == "hook":
                url = stack.url("ingest", f"/hooks/{page.platform}/{page.source}")
                hooks[page.source] = Hook(url=url, secret=answer.json()["instructions"]["secret"])

    headers = {"Authorization": f"Bearer {stack.key}"}
    async with httpx.AsyncClient(base_url=stack.url("ingest"), headers=headers, timeout=30) as client:
        await asyncio.gather(*(one(client) for _ in range(ADDING)))
    return hooks


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One that stands in COMMENTS: how its page is read, and when it was written and stored, in seconds."""

    kind: tuple[str, str]
    written: float
    stored: float

    @property
    def wait(self) -> float:
        """Milliseconds from the stand-in to COMMENTS."""
        return max(0.0, self.stored - self.written) * 1e3


async def comments(stack: Stack, kinds: Mapping[str, tuple[str, str]]) -> list[Comment]:
    """All that stand in COMMENTS; each says in its text when it was written, and the broker when it was stored."""
    found: list[Comment] = []
    async with await Bus.connect(stack.nats_url, name="bench") as bus:
        jetstream = bus.jetstream
        left = (await jetstream.stream_info("COMMENTS")).state.messages
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE)
        reading = await jetstream.pull_subscribe("comments.>", stream="COMMENTS", config=config)
        while left > 0:
            for message in await reading.fetch(min(left, 500), timeout=10):
                left -= 1
                event = decode(message.subject, message.data)
                if isinstance(event, CommentCreated):
                    written = int(event.text.partition(" ")[0]) / 1e9
                    stored = message.metadata.timestamp.timestamp()
                    found.append(Comment(kind=kinds[event.page], written=written, stored=stored))
        await reading.unsubscribe()
    return found


def show(name: str, value: str) -> None:
    """One line of the report."""
    print(f"{name:<56}{value}", flush=True)


def percentiles(sorted_waits: list[float]) -> str:
    """In words."""
    if not sorted_waits:
        return "none"
    middle, high = sorted_waits[len(sorted_waits) // 2], sorted_waits[int(len(sorted_waits) * 0.99)]
    return f"p50 {middle:,.1f}  p99 {high:,.1f}  max {sorted_waits[-1]:,.1f} ms  ({len(sorted_waits)} comments)"


def ratios(before: list[float], after: list[float]) -> str:
    """Of both percentiles."""
    if not before or not after:
        return "none"
    middle = after[len(after) // 2] / before[len(before) // 2]
    return f"p50 {middle:.2f}  p99 {after[int(len(after) * 0.99)] / before[int(len(before) * 0.99)]:.2f}"


class Cost:
    """Processor time and memory of the ingest process over a while."""

    def __init__(self, stack: Stack, crowd: Crowd) -> None:
        self._pid, self._crowd = stack.processes["ingest"].pid, crowd
        self._began, self._cpu, self._other = time.monotonic(), _cpu(self._pid), crowd.cpu()

    def __str__(self) -> str:
        passed = (time.monotonic() - self._began) / 60
        process = psutil.Process(self._pid)
        return (
            f"{(_cpu(self._pid) - self._cpu) / passed:.1f} s of processor time a minute, "
            f"{process.memory_info().rss / 2**20:.0f} MiB, {process.num_fds()} file descriptors "
            f"(stand-ins {(self._crowd.cpu() - self._other) / passed:.1f} s, load {psutil.getloadavg()[0]:.1f})"
        )


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class Bench:
    """One run."""

    def __init__(self, stack: Stack, crowd: Crowd, *, count: int, rate: float, seconds: float) -> None:
        self._stack, self._crowd, self._rate, self._seconds = stack, crowd, rate, seconds
        self._pages = pages(count)
        self._kinds = {page.page: (page.platform, page.way) for page in self._pages}
        self._windows: list[tuple[str, float, float]] = []
        self._written = 0

    def run(self) -> None:
        """Adds the sources and measures: nothing happening, then all well and some ill in turns, so that what else the
        machine does meets both alike."""
        stack, crowd, count = self._stack, self._crowd, len(self._pages)
        rss = psutil.Process(stack.processes["ingest"].pid).memory_info().rss / 2**20
        show("ingest without sources", f"{rss:.0f} MiB")
        crowd.tell(Order(pages=tuple(self._pages)))
        began = time.monotonic()
        crowd.tell(Order(hooks=asyncio.run(add(stack, self._pages))))
        show(f"{count:,} sources added over HTTP", f"{time.monotonic() - began:.1f} s")
        settling = Cost(stack, crowd)
        # However fast they were added, they are first read back in turns.
        time.sleep(max(0.0, began + count / RECONCILES_A_SECOND - time.monotonic()) + SETTLE_SECONDS)
        show("first pass through all", str(settling))

        idle, before = Cost(stack, crowd), crowd.tell(Order()).asked
        time.sleep(IDLE_SECONDS)
        asked = crowd.tell(Order()).asked - before
        show("idle", f"{idle}; {asked / IDLE_SECONDS:.0f} requests/s to the stand-ins")

        ill: dict[str, Ill] = {}
        for place, page in enumerate(self._pages):
            if place % 10 < 2:
                ill[page.source] = "hang" if place % 10 == 0 else "fail"
        for turn in range(TURNS):
            crowd.tell(Order(ill=dict.fromkeys(ill)))
            self._write("all well", turn)
            crowd.tell(Order(ill=dict(ill)))
            self._write("10 % hang, 10 % fail", turn)
        time.sleep(DRAIN_SECONDS)
        self._tell(asyncio.run(comments(stack, self._kinds)))

    def _write(self, name: str, turn: int) -> None:
        """Writes for a while, once what was ordered has taken hold."""
        time.sleep(HOLD_SECONDS)
        cost, began = Cost(self._stack, self._crowd), time.time()
        told = self._crowd.tell(Order(rate=self._rate, seconds=self._seconds))
        self._windows.append((name, began, time.time()))
        self._written += told.written - told.slow
        late = f"writer late by {told.late * 1e3:.0f} ms at worst, {told.refused} calls of hooks refused so far"
        show(f"{self._rate:g} comments/s, {name}, {turn + 1}", f"{cost}; {late}")

    def _tell(self, found: list[Comment]) -> None:
        """Latencies; those of Odnoklassniki, which is asked once a minute, by themselves."""
        stored = sum(it.kind[0] != "ok" for it in found)
        show("comments written / stored, without Odnoklassniki", f"{self._written:,} / {stored:,}")
        results: dict[str, list[float]] = {}
        for name in dict.fromkeys(name for name, _, _ in self._windows):
            spans = [(began, ended) for each, began, ended in self._windows if each == name]
            inside = [it for it in found if any(began <= it.written <= ended for began, ended in spans)]
            results[name] = sorted(it.wait for it in inside if it.kind[0] != "ok")
            show(f"to COMMENTS, {name}", percentiles(results[name]))
            for kind in sorted({it.kind for it in inside}):
                show(f"    {' '.join(kind)}", percentiles(sorted(it.wait for it in inside if it.kind == kind)))
            for place, (began, ended) in enumerate(spans):
                one = sorted(it.wait for it in inside if it.kind[0] != "ok" and began <= it.written <= ended)
                show(f"    window {place + 1}", percentiles(one))
        well, sick = results.values()
        show("ratio with / without the ill", ratios(well, sick))


def main() -> None:
    """Runs all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sources", description=__doc__)
    parser.add_argument("--sources", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=50.0, help="comments a second over all sources")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each measurement")
    parser.add_argument("--directory", type=Path, default=ROOT / ".data", help="a directory on the disk to measure")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    configure_logging(service="bench", level="warning")
    show("machine", description())
    crowd = Crowd()
    try:
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="bench-") as place:
            stack = Stack(Path(place), {**crowd.addresses, "OTKLIK_LOG_LEVEL": "error"})
            try:
                for name in ("nats", "ingest"):
                    stack.start(name)
                stack.wait_ready("ingest")
                stack.key = stack.run("shared.auth", "create", "--role", "admin", "--name", "bench", "-q").strip()
                Bench(stack, crowd, count=options.sources, rate=options.rate, seconds=options.seconds).run()
            finally:
                stack.stop()
    finally:
        crowd.close()


if __name__ == "__main__":
    main()
