"""Ingest's acting half in a process of its own, to be killed: `python -m tests.chaos.acting_process ORDERS`.

Sources and addresses of stand-ins come as JSON; waits are short, everything else is what production runs.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from services.ingest.actions import attempt
from services.ingest.actions.course import Means, Times
from services.ingest.actions.waiting import Waiting
from services.ingest.actions.worker import Worker
from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Connector
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.max import Max
from services.ingest.connectors.telegram import Telegram
from services.ingest.connectors.vk.vk import Vk
from services.ingest.sources.source import Source
from services.ingest.store import StoredJournal
from shared.bus import INGEST_ACTIONS, Bus, Consumer, ConsumerSpec, Patience
from shared.db import Database
from shared.events import Platform
from tests.fixtures.acting import MemorySources

PLATFORMS: tuple[Platform, ...] = ("vk", "telegram", "max")
SPECS: dict[str, ConsumerSpec] = {
    platform: msgspec.structs.replace(INGEST_ACTIONS[platform], ack_wait=1.5) for platform in PLATFORMS
}


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the test tells its processes."""

    nats_url: str
    database_url: str
    addresses: dict[str, str]
    sources: list[Source]


async def main(orders: Orders) -> None:
    """Acts until it is killed."""
    attempt.PAUSES = (0.05, 0.1, 0.2, 0.2, 0.2)
    attempt.SETTLING_SECONDS = 0.3

    async def at_once(seconds: float) -> None:
        """The platforms' rates are tested elsewhere."""

    caller = Caller(Gate(sleep=at_once))
    connectors: dict[str, Connector] = {
        "vk": Vk(caller, base=orders.addresses["vk"]),
        "telegram": Telegram(caller, address=orders.addresses["telegram"]),
        "max": Max(caller, address=orders.addresses["max"]),
    }
    database = Database.open(orders.database_url)
    stop = asyncio.Event()
    async with await Bus.connect(orders.nats_url, name="acting") as bus:
        consumers = []
        for platform in PLATFORMS:
            means = Means(
                connector=connectors[platform],
                journal=StoredJournal(database),
                sources=MemorySources(*orders.sources),
                publish=bus.publish,
                waiting=Waiting(stop),
                times=Times(attempt=3.0, hold=1.0, reconsider=0.2),
            )
            consumers.append(
                Consumer(
                    bus,
                    service="ingest",
                    spec=SPECS[platform],
                    handle=Worker(platform, means).handle,
                    max_batch=4,
                    patience=Patience(fetch_seconds=0.2, alone_from=500, max_deliveries=500),
                )
            )
        print("running", flush=True)
        await asyncio.gather(*(consumer.run(stop) for consumer in consumers))


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Orders)))
