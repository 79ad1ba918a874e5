"""A broker of its own for every test, started with the configuration that we deploy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from shared.bus import Bus
from tests.integration.bus.broker import Broker

Connect = Callable[[], Awaitable[Bus]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that runs, and is killed after the test."""
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.thaw()
    broker.kill()


@pytest.fixture
async def connect(broker: Broker) -> AsyncIterator[Connect]:
    """Makes connections that are drained after the test."""
    made: list[Bus] = []

    async def new() -> Bus:
        made.append(await Bus.connect(broker.url, name="test"))
        return made[-1]

    yield new
    for bus in made:
        await bus.drain()


@pytest.fixture
async def bus(connect: Connect) -> Bus:
    """A connection, with everything declared."""
    bus = await connect()
    await bus.ensure()
    return bus
