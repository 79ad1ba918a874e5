"""Invented events, and the small things that every test of the bus needs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime

import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RawStreamMsg

from shared.bus import Bus, Consumer, Delivered, Outgoing, Patience
from shared.bus.declaration import consumer_config
from shared.bus.topology import ConsumerSpec
from shared.errors import Poison
from shared.events import CommentCreated, CommentDeleted, Event, Outcome, Tagged

TEXT = "Фонарь у дома 7 по Вымышленной улице не горит"
"""What may never stand in a log."""
WITHIN_SECONDS = 30.0
QUICK = Patience(fetch_seconds=0.15, pauses=(0.05,), probe_seconds=0.2)
MOMENT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def created(number: int, *, text: str = TEXT, page: str = "vk:-1") -> CommentCreated:
    """Comment number `number`."""
    return CommentCreated(id=f"vk:wall:-1:{number}", platform="vk", page=page, received_at=MOMENT, text=text)


def deleted(number: int) -> CommentDeleted:
    """Comment number `number` is gone."""
    return CommentDeleted(id=f"vk:wall:-1:{number}", platform="vk", page="vk:-1", received_at=MOMENT)


def tagged(number: int) -> Tagged:
    """Comment number `number`, judged."""
    return Tagged(
        comment=created(number),
        version=number,
        tag="complaint",
        scores={"complaint": 0.9, "other": 0.1},
        confidence=0.9,
        unsure=False,
        topic="lighting",
        model="test",
    )


def outcome(number: int) -> Outcome:
    """Action number `number` was done."""
    return Outcome(
        action=f"018f0000-0000-7000-8000-{number:012x}",
        kind="reply",
        result="done",
        platform="vk",
        page="vk:-1",
        comment=f"vk:wall:-1:{number}",
        at=MOMENT,
    )


def outgoing(event: Event, msg_id: str | None = None) -> Outgoing:
    """To be published under `msg_id`; without one, under what the event is about."""
    match event:
        case Tagged():
            about = event.comment.id
        case Outcome():
            about = event.action
        case _:
            about = getattr(event, "id", "")
    return Outgoing(event=event, msg_id=msg_id or f"{type(event).__name__}:{about}")


def comments(count: int, *, start: int = 1) -> list[Outgoing]:
    """`count` comments, numbered from `start`."""
    return [outgoing(created(number)) for number in range(start, start + count)]


async def until(condition: Callable[[], bool], what: str) -> None:
    """Returns once `condition` holds; fails naming `what` when it does not within WITHIN_SECONDS."""
    end = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        await asyncio.sleep(0.01)


class Recorder:
    """A handler that remembers what it finished; `verdicts` says what to do with a batch before that."""

    def __init__(
        self, verdict: Callable[[Sequence[Delivered]], Mapping[int, Poison] | None] | None = None, *, hold: bool = False
    ) -> None:
        self._verdict = verdict
        self.calls: list[list[Delivered]] = []
        self.finished: list[Delivered] = []
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        if not hold:
            self.gate.set()

    async def __call__(self, batch: Sequence[Delivered]) -> Mapping[int, Poison] | None:
        """With `hold`, waits inside until `gate` is set."""
        self.calls.append(list(batch))
        self.entered.set()
        await self.gate.wait()
        verdicts = self._verdict(batch) if self._verdict is not None else None
        self.finished += [item for index, item in enumerate(batch) if index not in (verdicts or {})]
        return verdicts

    @property
    def sequences(self) -> list[int]:
        """Of what was finished, in that order."""
        return [item.sequence for item in self.finished]


@contextlib.asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[asyncio.Task[None]]:
    """The consumer runs inside, and is stopped and awaited after."""
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, WITHIN_SECONDS)


def consumer(bus: Bus, spec: ConsumerSpec, handle: Recorder, **options: object) -> Consumer:
    """A consumer with little patience."""
    settings: dict[str, object] = {"service": "classifier", "patience": QUICK, **options}
    return Consumer(bus, spec=spec, handle=handle, **settings)  # type: ignore[arg-type]  # options of the constructor


async def set_consumer(bus: Bus, spec: ConsumerSpec) -> ConsumerSpec:
    """Makes the durable on the broker what `spec` says, whatever the table says."""
    await bus.jetstream.add_consumer(spec.stream, consumer_config(spec))
    return spec


async def stored(bus: Bus, stream: str) -> list[RawStreamMsg]:
    """Every message of a stream, oldest first."""
    state = (await bus.jetstream.stream_info(stream)).state
    found: list[RawStreamMsg] = []
    if not state.messages:
        return found
    subscription = await bus.jetstream.pull_subscribe(
        "",
        stream=stream,
        config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, inactive_threshold=10.0),
    )
    while len(found) < state.messages:
        for message in await subscription.fetch(500, timeout=20.0):
            sequence = message.metadata.sequence.stream
            found.append(RawStreamMsg(subject=message.subject, seq=sequence, data=message.data))
    name = (await subscription.consumer_info()).name
    await subscription.unsubscribe()
    await bus.jetstream.delete_consumer(stream, name)
    return found


async def unfinished(bus: Bus, spec: ConsumerSpec) -> tuple[int, int]:
    """How many messages the durable has not delivered, and how many it has delivered and not seen acknowledged."""
    end = time.monotonic() + WITHIN_SECONDS
    while True:
        try:
            info = await bus.jetstream.consumer_info(spec.stream, spec.durable)
            break
        except nats.errors.TimeoutError:
            # Both the broker and who asks may be busy with hundreds of megabytes.
            assert time.monotonic() < end, f"{spec.durable} is not told of"
    return int(info.num_pending or 0), int(info.num_ack_pending or 0)


async def all_done(bus: Bus, spec: ConsumerSpec) -> None:
    """Returns once the durable has nothing left; fails when that does not come."""
    end = time.monotonic() + WITHIN_SECONDS
    while (left := await unfinished(bus, spec)) != (0, 0):
        assert time.monotonic() < end, f"{spec.durable} has still {left} to do"
        await asyncio.sleep(0.02)
