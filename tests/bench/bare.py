"""The yardstick: a loop that fetches a message, publishes one, waits for its acknowledgement and acknowledges."""

from __future__ import annotations

import itertools
import time

import nats
from nats.js.api import ConsumerConfig, DiscardPolicy, StreamConfig

from tests.bench.texts import comment_texts


async def bare_loop(url: str, seconds: float = 15.0) -> float:
    """Messages a second through the simplest correct relay on this broker, one publish at a time."""
    client = await nats.connect(url, pending_size=32 * 1024 * 1024)
    jetstream = client.jetstream(timeout=10)
    for name in ("BARE_IN", "BARE_OUT"):
        await jetstream.add_stream(
            StreamConfig(name=name, subjects=[f"bench.{name.lower()}"], discard=DiscardPolicy.NEW, max_msg_size=524288)
        )
    await jetstream.add_consumer("BARE_IN", ConsumerConfig(durable_name="bare", max_ack_pending=4096))
    texts, _ = comment_texts()
    payloads = itertools.cycle([(text + " " * 300).encode() for text in texts])
    filled = 0
    subscription = await jetstream.pull_subscribe_bind(durable="bare", stream="BARE_IN")
    done = 0
    spent = 0.0
    while spent < seconds:
        window = [await jetstream.publish_async("bench.bare_in", next(payloads)) for _ in range(2_000)]
        for acknowledged in window:
            await acknowledged
        filled += len(window)
        started = time.perf_counter()
        while done < filled:
            for message in await subscription.fetch(256, timeout=5):
                await jetstream.publish("bench.bare_out", message.data, headers={"Nats-Msg-Id": f"bare-{done}"})
                await message.ack()
                done += 1
        spent += time.perf_counter() - started
    for name in ("BARE_IN", "BARE_OUT"):
        await jetstream.delete_stream(name)
    await client.close()
    return done / spent
