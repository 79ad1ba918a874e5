"""Everything that a stream holds, read once from its beginning, without a trace on the broker."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.bus.connection import Bus
from shared.bus.delivery import Delivered, open_message
from shared.bus.reader import SILENT_SECONDS, forget
from shared.errors import Poison, Unavailable

READ_TIMEOUT = 5.0
_READ_AT_ONCE = 200


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is no event of ours, with the reason."""

    sequence: int
    reason: str
    detail: str


async def history(bus: Bus, stream: str, subjects: Sequence[str]) -> AsyncGenerator[Delivered | Unreadable, None]:
    """What `stream` holds under `subjects`, oldest first, up to what was there when it began; later ones may follow.

    Raises Unavailable when the broker is away or falls silent on the way. Use `contextlib.aclosing` to leave early.
    """
    if not bus.connected:
        raise Unavailable("the message broker is away")
    try:
        async with contextlib.aclosing(_messages(bus.jetstream, stream, subjects)) as messages:
            async for message in messages:
                yield _opened(message)
    except (nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"the stream {stream} did not answer: {type(error).__name__}") from error


def _opened(message: Msg) -> Delivered | Unreadable:
    try:
        return open_message(message)
    except Poison as poison:
        sequence = int(message.metadata.sequence.stream)
        return Unreadable(sequence=sequence, reason=poison.reason, detail=poison.detail)


async def _messages(jetstream: JetStreamContext, stream: str, subjects: Sequence[str]) -> AsyncGenerator[Msg, None]:
    subscription = await jetstream.pull_subscribe(
        "",
        stream=stream,
        config=ConsumerConfig(
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
            filter_subjects=list(subjects),
            mem_storage=True,
            inactive_threshold=SILENT_SECONDS,
        ),
    )
    try:
        while int((await subscription.consumer_info()).num_pending or 0) > 0:
            for message in await subscription.fetch(_READ_AT_ONCE, timeout=READ_TIMEOUT):
                yield message
    finally:
        await forget(jetstream, stream, subscription)
