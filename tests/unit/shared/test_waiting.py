"""How a loop rests."""

from __future__ import annotations

import asyncio
import time

import pytest

from shared.waiting import rest


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
