"""The classifier's part between COMMENTS and TAGGED, at work over a real broker, and what comes out of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from services.classifier.careful.embedding import Embedder
from services.classifier.life.live import Live
from services.classifier.tagging import Tagging, tagging
from shared.bus import CLASSIFIER_COMMENTS, Bus, Outgoing, Tail
from shared.events import CommentCreated, Tagged, decode
from tests.fixtures.careful import TwoMinds

WITHIN_SECONDS = 30.0
FOR_EVER = 3_600.0


class Tasks:
    """As `shared.web.Background`, without a service around it."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, run: Callable[[asyncio.Event], Awaitable[None]], **_: Any) -> None:
        self.tasks.append(asyncio.create_task(run(self.stop), name=name))  # type: ignore[arg-type]  # a coroutine

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(asyncio.gather(*self.tasks), WITHIN_SECONDS)


@asynccontextmanager
async def at_work(
    bus: Bus, embedder: Embedder | None = None, *, hold_seconds: float = FOR_EVER, patient: bool = True
) -> AsyncIterator[Tagging]:
    """Runs inside, and is stopped in order after; what was told before is known when it begins."""
    with tagging(bus, Live(TwoMinds.load()), embedder=embedder, hold_seconds=hold_seconds) as parts:
        tasks = Tasks()
        parts.start(tasks)  # type: ignore[arg-type]  # as the real one
        if patient:
            await known(bus, parts.tail)
        tasks.start("tagging", parts.consumer.run)
        try:
            yield parts
        finally:
            await tasks.end()


def comment(number: int, text: str, **more: Any) -> CommentCreated:
    given = {"page": "vk:-1", "author": f"author-{number}", **more}
    return CommentCreated(
        id=f"vk:wall:-1:{number}", platform="vk", received_at=datetime.now(UTC), text=text, trace="t", **given
    )


async def say(bus: Bus, comments: Sequence[CommentCreated]) -> None:
    await bus.publish([Outgoing(event=one, msg_id=f"said:{one.id}") for one in comments])


async def tagged(bus: Bus) -> list[Tagged]:
    """What TAGGED holds."""
    state = (await bus.jetstream.stream_info("TAGGED")).state
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        message = await bus.jetstream.get_msg("TAGGED", sequence, direct=True)
        event = decode(message.subject or "", message.data or b"")
        assert isinstance(event, Tagged)
        found.append(event)
    return found


async def count(bus: Bus) -> int:
    return int((await bus.jetstream.stream_info("TAGGED")).state.messages)


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    end = time.monotonic() + WITHIN_SECONDS
    while not await condition():
        assert time.monotonic() < end, f"in vain: {what}"
        await asyncio.sleep(0.02)


async def known(bus: Bus, tail: Tail) -> None:
    """Returns once `tail` has handed on all repetitions that were told so far."""
    told = (await bus.jetstream.stream_info("FINGERPRINTS")).state.last_seq

    async def handed_on() -> bool:
        return tail._reached >= told

    await until(handed_on, "the repetitions told before")


async def tagged_are(bus: Bus, number: int) -> None:
    async def enough() -> bool:
        return await count(bus) >= number

    await until(enough, f"{number} comments tagged")


async def all_done(bus: Bus) -> None:
    async def done() -> bool:
        info = await bus.jetstream.consumer_info(CLASSIFIER_COMMENTS.stream, CLASSIFIER_COMMENTS.durable)
        return not info.num_pending and not info.num_ack_pending

    await until(done, "everything acknowledged")
