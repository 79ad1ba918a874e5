"""How a loop rests between two turns, and how a task is ended."""

from __future__ import annotations

import asyncio

CANCEL_AGAIN_SECONDS = 0.5


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


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Cancels the tasks and returns when all have ended, whatever with.

    Again and again: before Python 3.12 `asyncio.wait_for`, which the broker's client lives on, swallows a cancellation
    that comes in the moment when what it waits for is there (CPython issue 86296), and the task goes on.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
    for task in tasks:
        if not task.cancelled():
            task.exception()
