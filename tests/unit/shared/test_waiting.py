"""How a loop rests."""

from __future__ import annotations

import asyncio
import time

import pytest

from shared.waiting import ended, rest


async def test_it_ends_after_its_time() -> None:
    began = time.monotonic()
    await rest(0.1, asyncio.Event(), asyncio.Event())
    assert 0.09 < time.monotonic() - began < 5


@pytest.mark.parametrize("seconds", [60.0, None])
async def test_it_ends_when_any_of_the_events_is_set(seconds: float | None) -> None:
    stop, news = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, news.set)
    async with asyncio.timeout(5):
        await rest(seconds, stop, news)
        await rest(seconds, news, stop)
    assert not stop.is_set()


@pytest.mark.parametrize("seconds", [0.0, -1.0, 60.0])
async def test_it_gives_way_even_if_there_is_no_time_to_rest(seconds: float) -> None:
    stop = asyncio.Event()
    stop.set()
    turned = asyncio.create_task(asyncio.sleep(0))
    await rest(seconds, stop)
    assert turned.done()


async def test_cancelled_it_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    resting = asyncio.create_task(rest(None, asyncio.Event()))
    await asyncio.sleep(0.01)
    resting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resting
    assert asyncio.all_tasks() == before


async def test_a_task_that_loses_a_cancellation_is_ended_all_the_same() -> None:
    lost = 0

    async def work() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost += 1

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await ended(task)
    assert lost == 1 and task.cancelled()


async def test_what_failed_or_is_over_is_ended_too() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    failing, over = asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(0.01)
    await ended(failing, over)
    await ended()
