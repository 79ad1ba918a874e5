"""Publishing: atomic batches, and one by one where a batch is refused for a duplicate in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client

from shared.bus.topology import stream_for
from shared.errors import TooLarge, Unavailable
from shared.events import Event, encode, subject_of

MAX_BATCH = 200
"""Messages in one atomic batch (the server's own bound is 1,000)."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""Of one atomic batch: bounds what the connection buffers."""
MAX_BATCHES_IN_FLIGHT = 8
"""The server allows 50 unfinished batches for a stream over all of its publishers."""

_DUPLICATE_IN_BATCH = 10201

log = structlog.get_logger(__name__)


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """An event to publish; `msg_id` is what the broker recognises a repetition by."""

    event: Event
    msg_id: str


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event stands in its stream; a duplicate's `sequence` is that of the first one, or 0 if unknown."""

    sequence: int
    duplicate: bool


class _Message(msgspec.Struct, frozen=True):
    subject: str
    payload: bytes
    msg_id: str


class Publisher:
    """Publishes over the connection that `client` names now; see `Bus.publish` for what is promised."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(MAX_BATCHES_IN_FLIGHT)

    async def publish(self, events: Sequence[Outgoing], *, timeout: float) -> list[Published]:
        """As `Bus.publish`. Events of several streams may be mixed; their order within each stream is kept."""
        messages = [_Message(subject_of(item.event), encode(item.event), item.msg_id) for item in events]
        by_stream: dict[str, list[int]] = {}
        for index, message in enumerate(messages):
            stream = stream_for(message.subject)
            size, limit = len(message.payload), stream.max_event_bytes
            if size > limit:
                raise TooLarge(f"event {index} has {size} bytes; {stream.name} takes {limit} at most")
            by_stream.setdefault(stream.name, []).append(index)
        published: list[Published | None] = [None] * len(messages)
        for indexes in by_stream.values():
            for chunk in _chunks(indexes, messages):
                async with self._slots:
                    results = await self._publish_chunk([messages[index] for index in chunk], timeout)
                for index, result in zip(chunk, results, strict=True):
                    published[index] = result
        return [result for result in published if result is not None]

    async def _publish_chunk(self, chunk: Sequence[_Message], timeout: float) -> list[Published]:
        try:
            if len(chunk) > 1:
                results = await self._publish_batch(chunk, timeout)
                if results is not None:
                    return results
            return [await self._publish_single(message, timeout) for message in chunk]
        except nats.errors.MaxPayloadError as error:
            raise TooLarge("an event is larger than the broker's max_payload allows") from error
        except nats.errors.NoRespondersError as error:
            raise Unavailable("the message broker has no such stream yet") from error
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise Unavailable(f"the message broker did not acknowledge: {type(error).__name__}") from error

    async def _publish_batch(self, chunk: Sequence[_Message], timeout: float) -> list[Published] | None:
        """None when the whole batch was refused and must be sent one by one."""
        client = self._client()
        batch = uuid4().hex
        last = len(chunk)
        for place, message in enumerate(chunk[:-1], start=1):
            headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(place), "Nats-Msg-Id": message.msg_id}
            await client.publish(message.subject, message.payload, headers=headers)
        final = chunk[-1]
        headers = {
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(last),
            "Nats-Batch-Commit": "1",
            "Nats-Msg-Id": final.msg_id,
        }
        reply = await client.request(final.subject, final.payload, timeout=timeout, headers=headers)
        answer = json.loads(reply.data) if reply.data else {}
        error = answer.get("error")
        if error is not None:
            if error.get("err_code") != _DUPLICATE_IN_BATCH:
                log.warning("batch refused, sending one by one", size=last, error=error.get("description"))
            return None
        if answer.get("count") != last:
            log.warning("batch incomplete, sending one by one", size=last)
            return None
        first = int(answer["seq"]) - last + 1
        return [Published(sequence=first + offset, duplicate=False) for offset in range(last)]

    async def _publish_single(self, message: _Message, timeout: float) -> Published:
        client = self._client()
        headers = {"Nats-Msg-Id": message.msg_id}
        reply = await client.request(message.subject, message.payload, timeout=timeout, headers=headers)
        answer = json.loads(reply.data)
        error = answer.get("error")
        if error is not None:
            raise Unavailable(f"the message broker refused: {error.get('description')}")
        return Published(sequence=int(answer["seq"]), duplicate=bool(answer.get("duplicate", False)))


def _chunks(indexes: Sequence[int], messages: Sequence[_Message]) -> Iterator[list[int]]:
    chunk: list[int] = []
    size = 0
    for index in indexes:
        weight = len(messages[index].payload)
        if chunk and (len(chunk) >= MAX_BATCH or size + weight > MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(index)
        size += weight
    if chunk:
        yield chunk
