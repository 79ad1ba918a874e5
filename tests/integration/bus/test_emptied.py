"""A broker that comes back with an empty disk gets its streams again, while the services run on."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

from shared.bus import Bus
from shared.errors import Unavailable
from tests.fixtures.broker import Broker
from tests.integration.bus.samples import comments, until


async def test_streams_are_declared_again_on_a_broker_that_lost_its_disk(broker: Broker, tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with await Bus.connect(broker.url, name="test") as bus:
        keeping = asyncio.create_task(bus.keep_declared(stop))
        await until(lambda: bus.ready, "the first declaration")
        assert (await bus.publish(comments(3)))[-1].sequence == 3
        broker.kill()
        shutil.rmtree(next(tmp_path.rglob("jetstream")))
        broker.start()

        async def published() -> int:
            with contextlib.suppress(Unavailable):
                return (await bus.publish(comments(2, start=10)))[-1].sequence
            return 0

        sequence = 0
        for _ in range(300):
            if sequence := await published():
                break
            await asyncio.sleep(0.1)
        assert sequence == 2
        stop.set()
        await keeping
