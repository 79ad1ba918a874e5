"""Whoever crosses whom, a page ends with one source at most, and that one was told that it has it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.sources.change import NewSource
from services.ingest.sources.follower import Sources
from services.ingest.sources.registry import SourceRegistry
from services.ingest.sources.vault import Vault, new_key
from shared.errors import Conflict, NotFound
from tests.fixtures.bucket import InMemoryBuckets
from tests.unit.ingest.sources.samples import NOW

VAULT = Vault(new_key())


class SlowBuckets(InMemoryBuckets):
    """Every call takes a few turns of the loop before and after it is done, as chance has it."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance

    async def bucket(self, name: str) -> Any:
        return _Slow(await super().bucket(name), self.chance)


class _Slow:
    def __init__(self, bucket: Any, chance: random.Random) -> None:
        self._bucket = bucket
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._bucket, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._pause()
            try:
                return await method(*args, **kwargs)
            finally:
                await self._pause()

        return call

    async def _pause(self) -> None:
        for _ in range(self._chance.choice((0, 1, 3, 60))):
            await asyncio.sleep(0)


def new(id: str, page: str) -> NewSource:
    return NewSource(id=id, platform="vk", page=page, way="hook")


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    wanted=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["vk:-1", "vk:-2"])), min_size=1, max_size=6),
    removed=st.lists(st.sampled_from("abcd"), max_size=2),
)
async def test_a_page_ends_with_one_source_at_most(
    seed: int, wanted: list[tuple[str, str]], removed: list[str]
) -> None:
    buckets = SlowBuckets(random.Random(seed))
    registry = SourceRegistry(buckets, VAULT, clock=lambda: NOW)

    async def add(id: str, page: str) -> tuple[str, str] | None:
        try:
            await registry.add(new(id, page), by="me")
        except Conflict:
            return None
        return id, page

    async def remove(id: str) -> None:
        with contextlib.suppress(Conflict, NotFound):
            await registry.remove(id)

    told = await asyncio.gather(*(add(*pair) for pair in wanted), *(remove(id) for id in removed))
    sources = Sources(buckets, VAULT)
    await sources.refresh()
    held = {(source.id, source.page) for source in sources.all()}
    granted = [pair for pair in told if pair is not None]
    assert held <= set(granted)
    if not removed:
        assert held == set(granted)
        assert len(granted) == len(held)
        assert granted
        assert not sources.problems()

    # Whatever was left lying about, who asks alone gets a page that nobody holds.
    for page in {"vk:-1", "vk:-2"} - {page for _, page in held}:
        await registry.add(new("last-" + page[-1], page), by="me")
    await sources.refresh()
    assert {source.page for source in sources.all()} == {"vk:-1", "vk:-2"}
