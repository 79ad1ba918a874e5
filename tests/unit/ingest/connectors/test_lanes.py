"""The client's lanes: a token keeps to one, thousands are divided, and whatever a platform calls a key has one."""

from __future__ import annotations

from collections import Counter

import httpx

from tests.fixtures.connecting import caller_of


async def test_tokens_are_divided_and_each_keeps_to_its_lane() -> None:
    async with caller_of(lambda request: httpx.Response(200)) as caller:
        used: Counter[int] = Counter()
        for lane, client in enumerate(caller._clients):

            async def note(request: httpx.Request, lane: int = lane) -> None:
                used[lane] += 1

            client.event_hooks["request"].append(note)
        for number in range(1_000):
            assert (await caller.call("GET", "http://platform", token=f"token-{number}")).status == 200
        assert len(used) == len(caller._clients)
        assert max(used.values()) < 50
        used.clear()
        for _ in range(5):
            await caller.call("GET", "http://platform", token="\ud800")
        assert list(used.values()) == [5]
