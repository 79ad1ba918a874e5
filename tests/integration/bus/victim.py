"""A consumer in a process of its own, to be killed: `python -m tests.integration.bus.victim URL FILE ACK_WAIT`.

It writes the sequences it is given into FILE, one line a batch, and never finishes one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shared.bus import CLASSIFIER_COMMENTS, Bus, Consumer, Delivered


async def main(url: str, file: Path, ack_wait: float) -> None:
    async def handle(batch: Sequence[Delivered]) -> None:
        # A test reads the file while it is written: this blocks nobody else.
        with file.open("a", encoding="ascii") as lines:
            lines.write(" ".join(str(item.sequence) for item in batch) + "\n")
        await asyncio.Event().wait()

    spec = msgspec.structs.replace(CLASSIFIER_COMMENTS, ack_wait=ack_wait)
    async with await Bus.connect(url, name="victim") as bus:
        await Consumer(bus, service="classifier", spec=spec, handle=handle, max_batch=5).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
