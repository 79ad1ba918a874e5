"""What is told to other replicas, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.classifier.repetition import remembering as module
from services.classifier.repetition.fingerprint import Sighting, unpack
from services.classifier.repetition.remembering import Remembering
from services.classifier.repetition.sightings import Sightings
from shared.bus import Outgoing, Published
from shared.errors import Unavailable
from shared.events import Fingerprints


def seen(number: int) -> Sighting:
    return Sighting(comment=number, page=1, author=1, at=1, keys=(1, 2, 3, 4, 0, 0))


class Broker:
    """Raises each of `troubles` once, then stores."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.told: list[int] = []
        self.sizes: list[int] = []

    async def publish(self, events: Sequence[Outgoing]) -> list[Published]:
        if self.troubles:
            raise self.troubles.pop(0)
        for item in events:
            assert isinstance(item.event, Fingerprints)
            records = unpack(item.event.records)
            self.sizes.append(len(records))
            self.told += [one.comment for one in records]
        return [Published(sequence=0, duplicate=False) for _ in events]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(module, "MAX_UNSENT", 10)


async def run(broker: Broker, *shared: Sequence[Sighting]) -> None:
    """Shares one part after the other and stops in order."""
    with ThreadPoolExecutor(1) as executor:
        remembering = Remembering(Sightings(slots_bits=4, groups=2), executor=executor)
        stop = asyncio.Event()
        task = asyncio.create_task(remembering.run(broker.publish, stop))
        for part in shared:
            remembering.share(part)
            async with asyncio.timeout(20):
                while remembering._unsent:
                    await asyncio.sleep(0.01)
        assert not task.done()
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_all_is_told_in_parts_and_in_order() -> None:
    broker = Broker()
    await run(broker, [seen(number) for number in range(1, 8)])
    assert (broker.told, broker.sizes) == ([1, 2, 3, 4, 5, 6, 7], [3, 3, 1])


async def test_what_finds_the_broker_away_is_told_later_and_bounded() -> None:
    broker = Broker(*[Unavailable("away") for _ in range(4)])
    await run(broker, [seen(number) for number in range(1, 30)])
    assert broker.told == list(range(1, 11))


async def test_an_unforeseen_error_costs_what_was_just_told_and_no_more() -> None:
    broker = Broker(ValueError("nobody foresaw this"))
    await run(broker, [seen(number) for number in range(1, 6)], [seen(9)])
    assert broker.told == [4, 5, 9]
