"""How a loop rests between two turns: for a time, unless something happens."""

from __future__ import annotations

import asyncio


async def rest(seconds: float | None, *unless: asyncio.Event) -> None:
    """Returns after `seconds` (None: never by itself), or as soon as one of the events is set. Gives way to others in
    any case."""
    waits = [asyncio.create_task(event.wait()) for event in unless]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
