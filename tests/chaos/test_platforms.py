"""Platforms call late, twice and out of order while the broker is killed: every comment arrives once, none is lost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import cast

import pytest

from deploy.standins.region import Platform
from shared.bus import Bus
from shared.events import CommentCreated, decode
from tests.fixtures.stack import running
from tests.fixtures.town import Town, until

COMMENTS = 100
"""On each platform."""
AWAY_SECONDS = 6.0
PLATFORMS: list[Platform] = ["vk", "telegram", "max"]
SETTLE_SECONDS = 120.0


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with running(tmp_path_factory.mktemp("platforms"), standins=True) as stack:
        made = Town(stack)
        yield made
        made.close()


async def created(nats_url: str) -> Counter[str]:
    """How often each comment was told as new, over the whole stream."""
    found: Counter[str] = Counter()
    async with await Bus.connect(nats_url, name="test") as bus:
        last = (await bus.jetstream.stream_info("COMMENTS")).state.last_seq
        for sequence in range(1, last + 1):
            raw = await bus.jetstream.get_msg("COMMENTS", sequence)
            if str(raw.subject).startswith("comments.created."):
                found[cast(CommentCreated, decode(str(raw.subject), raw.data or b"")).id] += 1
    return found


def write(town: Town, posts: dict[Platform, str], first: dict[Platform, str], numbers: range) -> set[str]:
    """A comment of each number on each platform. Every fourth answers the first one, and may be told before it."""
    written = set[str]()
    for number in numbers:
        for platform, post in posts.items():
            below = {"to": first[platform]} if number % 4 == 3 else {}
            given = {"post": post, "text": f"Когда включат воду в доме {number}?", "who": "102"} | below
            made = town.order(platform, "say", **given)["id"]
            first.setdefault(platform, made)
            written.add(f"{platform}:{made}")
    return written


def arrived_once(town: Town, written: set[str]) -> None:
    """All of them, and nothing else; the database knows each once by its key, the stream must, too."""
    assert until(lambda: town.count("comments") >= len(written), SETTLE_SECONDS), town.stack.tail("ingest")
    told = asyncio.run(created(town.stack.nats_url))
    assert told.keys() == written
    assert set(told.values()) == {1}
    assert town.count("comments") == len(written)


@pytest.mark.slow
def test_comments_that_come_twice_late_and_jumbled_over_an_outage_arrive_once(town: Town) -> None:
    for platform in PLATFORMS:
        town.connect(platform, "hook")
        town.order(platform, "deliver", times=2, late=0.5, jumbled=25)

    def undelivered() -> dict[Platform, int]:
        return {platform: town.undelivered(platform) for platform in PLATFORMS}

    posts = {platform: town.publish(platform) for platform in PLATFORMS}
    written = write(town, posts, {}, range(COMMENTS))
    assert until(lambda: any(count < 1.8 * COMMENTS for count in undelivered().values()))
    left = undelivered()
    town.stack.kill("nats")
    assert any(left.values()), "the broker was killed too late"
    time.sleep(AWAY_SECONDS)
    during = undelivered()
    assert any(during.values())
    town.stack.start("nats")
    assert until(lambda: not any(undelivered().values()), SETTLE_SECONDS), (undelivered(), town.stack.tail("ingest"))
    arrived_once(town, written)
    print(f"undelivered when the broker was killed {left}, when it came back {during}")


@pytest.mark.slow
def test_comments_that_are_asked_for_over_an_outage_arrive_once(town: Town) -> None:
    ways: dict[Platform, str] = {"vk": "poll", "telegram": "poll"}
    for platform, way in ways.items():
        town.connect(platform, way)
    posts = {platform: town.publish(platform) for platform in ways}
    first: dict[Platform, str] = {}
    written = write(town, posts, first, range(50))
    town.stack.kill("nats")
    written |= write(town, posts, first, range(50, 100))
    time.sleep(AWAY_SECONDS)
    town.stack.start("nats")
    written |= write(town, posts, first, range(100, 150))
    arrived_once(town, written)
