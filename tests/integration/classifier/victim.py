"""A classifier that holds for ever, to be killed: `python -m tests.integration.classifier.victim URL`."""

from __future__ import annotations

import asyncio
import sys

from shared.bus import Bus
from tests.fixtures.careful import ToyEmbedder
from tests.integration.classifier.atwork import at_work


async def main(url: str) -> None:
    async with await Bus.connect(url, name="victim") as bus:
        await bus.ensure()
        async with at_work(bus, ToyEmbedder(closed=True)):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
