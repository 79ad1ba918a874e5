"""Two real processes share the sources: none is polled by both, and what one leaves when killed the other reads."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from deploy.standins.vk import Access, VkStandin
from deploy.standins.wire import Answer, Request, Wire
from services.ingest.polling import LOOK_SECONDS, STARTS_A_SECOND
from services.ingest.sources.leases import Times
from services.ingest.sources.sharing import SHARDS
from shared.bus import Bus
from shared.events import CommentCreated, decode
from tests.fixtures.stack import Stack

GROUPS = range(456, 480)
TAKEN_OVER = Times().ttl + 2 * Times().announce
"""Seconds: what docs/adr/leases.md promises."""
BUSY = 4.0
"""Seconds more that a busy machine may take."""


class Watch:
    """Who asks for the events of which community, and whether two ever do at once."""

    def __init__(self) -> None:
        self.asking: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.met: list[tuple[int, tuple[str, ...]]] = []
        self.last: dict[int, tuple[str, float]] = {}

    @contextlib.contextmanager
    def ask(self, group: int, who: str):  # type: ignore[no-untyped-def]  # a generator of nothing
        """While `who` asks."""
        self.asking[group][who] += 1
        self.last[group] = who, time.monotonic()
        here = tuple(sorted(name for name, times in self.asking[group].items() if times > 0))
        if len(here) > 1:
            self.met.append((group, here))
        try:
            yield
        finally:
            self.asking[group][who] -= 1

    def forget(self, who: str) -> None:
        """It is dead; nobody waits for its answers."""
        for asking in self.asking.values():
            asking[who] = -1_000

    def readers(self) -> dict[int, str]:
        """Who asked last."""
        return {group: who for group, (who, _) in self.last.items()}


@asynccontextmanager
async def door(standin: VkStandin, watch: Watch, who: str) -> AsyncIterator[str]:
    """An address of the stand-in that only `who` knows."""

    async def handle(request: Request) -> Answer:
        if not request.path.startswith("/events/"):
            answer = await standin.call(request)
            told = msgspec.json.encode(answer.json).replace(standin.address.encode(), address.encode())
            return Answer(status=answer.status, json=msgspec.Raw(told))
        with watch.ask(int(request.path.rpartition("/")[2]), who):
            return await standin.call(request)

    wire = Wire(handle)
    address = f"http://127.0.0.1:{await wire.start()}"
    try:
        yield address
    finally:
        await wire.stop()


async def until(holds: object, seconds: float, what: str) -> None:
    """Waits for it."""
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


async def add_all(stack: Stack) -> None:
    """A source for each community."""
    headers = {"Authorization": f"Bearer {stack.key}"}
    async with httpx.AsyncClient(base_url=stack.url("ingest"), headers=headers, timeout=30) as client:
        for group in GROUPS:
            source = {"id": f"vk-{group}", "platform": "vk", "page": f"vk:-{group}", "way": "poll"}
            answer = await client.post("/v1/sources", json=source | {"secrets": {"community_token": f"c{group}"}})
            assert answer.status_code == 201


async def shared_out(*stacks: Stack) -> None:
    """Returns once each holds its share: a stand-in does not see that a poll was left before its end, and would seem to
    be asked by both when a source changes hands."""
    async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(60):
        for stack in stacks:
            mine = f"\notklik_leases_held {SHARDS / len(stacks)}\n"
            while mine not in (await client.get(stack.url("ingest", "/metrics"))).text:
                await asyncio.sleep(0.1)


async def stored(stack: Stack) -> list[str]:
    async with await Bus.connect(stack.nats_url, name="test") as bus:
        last = (await bus.jetstream.stream_info("COMMENTS")).state.last_seq
        messages = [await bus.jetstream.get_msg("COMMENTS", seq=number) for number in range(1, last + 1)]
    events = [decode(message.subject or "", message.data or b"") for message in messages]
    assert all(isinstance(event, CommentCreated) for event in events)
    return [event.id for event in events if isinstance(event, CommentCreated)]


@pytest.mark.slow
async def test_one_is_killed_and_the_other_takes_over_and_no_comment_is_lost_or_doubled(
    tmp_path: Path, postgres_url: str
) -> None:
    watch, written, over = Watch(), list[str](), asyncio.Event()

    async def write() -> None:
        number = 0
        while not over.is_set():
            group = GROUPS[number % len(GROUPS)]
            comment = standin.world.comment(("wall", -group, 7), 77, "Когда включат воду?")
            written.append(f"vk:wall:-{group}:7:{comment}")
            number += 1
            await asyncio.sleep(0.02)

    async with VkStandin() as standin, door(standin, watch, "one") as first, door(standin, watch, "two") as second:
        for group in GROUPS:
            standin.world.group(group)
            standin.world.thing("wall", -group, 7)
            standin.tokens[f"c{group}"] = Access(kind="community", group=group)
        shared = {"OTKLIK_INGEST_DATABASE_URL": postgres_url}
        one = Stack(tmp_path, shared | {"OTKLIK_VK_URL": first})
        same = {name: one.environment[name] for name in ("OTKLIK_NATS_URL", "OTKLIK_SOURCES_KEY", "OTKLIK_AUTHOR_KEY")}
        (tmp_path / "two").mkdir()
        two = Stack(tmp_path / "two", shared | same | {"OTKLIK_VK_URL": second})
        writer: asyncio.Task[None] | None = None
        try:
            for stack, name in ((one, "nats"), (one, "ingest")):
                stack.start(name)
            await asyncio.to_thread(one.wait_ready, "ingest")
            two.start("ingest")
            await asyncio.to_thread(two.wait_ready, "ingest")
            one.key = (
                await asyncio.to_thread(one.run, "shared.auth", "create", "--role", "admin", "--name", "test", "-q")
            ).strip()
            await shared_out(one, two)
            await add_all(one)
            await until(
                lambda: len(watch.last) == len(GROUPS) and len(set(watch.readers().values())) == 2,
                40, "not all are polled, or not by both",
            )  # fmt: skip
            writer = asyncio.create_task(write())
            await asyncio.sleep(2)
            orphans = {group for group, who in watch.readers().items() if who == "two"}
            two.kill("ingest")
            killed = time.monotonic()
            watch.forget("two")
            within = TAKEN_OVER + LOOK_SECONDS + len(orphans) / STARTS_A_SECOND + BUSY
            await until(
                lambda: all(watch.readers()[group] == "one" for group in orphans),
                within, f"not all were taken over within {within:.0f} s",
            )  # fmt: skip
            print(f"{len(orphans)} sources taken over after {time.monotonic() - killed:.1f} s")
            await asyncio.sleep(1)
            over.set()
            await writer
            count = 0
            for _ in range(100):
                found = await stored(one)
                if len(found) == count >= len(written):
                    break
                count = len(found)
                await asyncio.sleep(0.2)
            assert watch.met == []
            assert one.terminate("ingest") == 0
        finally:
            over.set()
            if writer is not None:
                await asyncio.wait({writer})
            two.stop()
            one.stop()
    assert sorted(found) == sorted(written)
