"""The stand-in of VK itself: what it takes and refuses."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from deploy.standins.wire import Answer, Request
from tests.fixtures.hooking import Loopback
from tests.integration.ingest.vk_town import GROUP, town


@pytest.mark.parametrize(
    ("name", "token", "code"),
    [
        ("wall.getComments", "community", 27),
        ("wall.deleteComment", "community", 27),
        ("wall.deleteComment", "service", 28),
        ("wall.createComment", "service", 28),
        ("groups.ban", "community", 27),
        ("execute", "service", 28),
        ("wall.getComments", "nobody", 5),
        ("poems.write", "user", 3),
    ],
)
async def test_each_method_takes_the_tokens_that_the_schema_names(name: str, token: str, code: int) -> None:
    async with town() as place, httpx.AsyncClient(trust_env=False) as client:
        data = {"access_token": token, "v": "5.199"}
        answer = await client.post(f"{place.standin.address}/method/{name}", data=data)
        assert answer.json()["error"]["error_code"] == code


async def test_a_hook_that_says_remove_is_never_called_again() -> None:
    async def remove(asked: Request) -> Answer:
        return Answer(text="remove")

    async with town() as place, Loopback(remove) as server:
        callback = place.standin.callback(server.address, group=GROUP, secret=None, confirmation="c")
        place.world.comment(place.post, 77, "Где вода?")
        await callback.gone.wait()
        place.world.comment(place.post, 77, "Где вода?")
        assert callback.removed
        assert len(callback.deliveries) == 1


async def test_a_hook_that_is_slow_is_called_again() -> None:
    """With the same event, and the number of the repetition."""
    asked: list[Request] = []

    async def slow_once(request: Request) -> Answer:
        asked.append(request)
        if len(asked) == 1:
            await asyncio.sleep(60)
        return Answer(text="ok")

    async with town() as place, Loopback(slow_once) as server:
        told = {"group": GROUP, "secret": None, "confirmation": "c", "call_seconds": 0.1}
        callback = place.standin.callback(server.address, **told)
        place.world.comment(place.post, 77, "Где вода?")
        await asyncio.wait_for(callback.drained(), 10)
    assert asked[0].body == asked[1].body
    assert [it.headers.get("x-retry-counter") for it in asked] == [None, "1"]
    assert [it.status for it in callback.deliveries] == [0, 200]
