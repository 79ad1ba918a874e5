"""VK's comments from the stand-in to the stream: hook, poll and reading back over arrivals in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deploy.standins.delivery import Manner
from deploy.standins.wire import Answer, Request
from services.ingest.hooks import Hooks
from services.ingest.polling import Polling
from services.ingest.sources.source import Source
from shared.errors import Forbidden, Unavailable
from tests.fixtures.hooking import Loopback
from tests.fixtures.leases import Alone
from tests.fixtures.sources import Known
from tests.integration.ingest.vk_town import GROUP, town
from tests.unit.ingest.memory import running
from tests.unit.ingest.platform_memory import Desk, MemoryCursors


class Fares:
    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def heard(self, source: Source, events: int, *, lag: float | None = None) -> None:
        pass

    def forged(self, source: Source) -> None:
        raise AssertionError(f"{source.id} was called without its secret")

    def failed(self, source: Source, error: Exception) -> None:
        self.errors.append(error)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_poll_and_reading_back_tell_each_change_once() -> None:
    async with town() as place, running() as rig:
        desk, fares = Desk(rig), Fares()
        source = place.source("community", "user")
        old = place.world.comment(place.post, 77, "до нас", silent=True)
        polling = Polling(
            sources=lambda: [source],
            leases=Alone(),
            connectors={"vk": place.vk},
            arrivals=desk.arrivals,
            cursors=MemoryCursors(),
            fares=fares,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(polling.run(stop))
        await until(lambda: place.standin.long_poll(GROUP).waits and desk.told)
        number = place.world.comment(place.post, 77, "Где вода?")
        place.world.edit(place.post, number, "Где горячая вода?")
        await until(lambda: len(desk.told) == 3)
        place.world.edit(place.post, old, "до нас, исправлено", silent=True)
        place.world.delete(place.post, number, silent=True)
        place.standin.long_poll(GROUP).fail_next.append(3)
        place.standin.long_poll(GROUP).rotate()
        await place.standin.long_poll(GROUP).wake()
        place.world.happen(GROUP, "like_add", {})
        await until(lambda: len(desk.told) == 5)
        await asyncio.sleep(1.5)
        stop.set()
        await task
        told = [(kind.removeprefix("comment."), id.rpartition(":")[2]) for kind, id in desk.told]
        assert told[:3] == [("created", str(old)), ("created", str(number)), ("edited", str(number))]
        assert sorted(told[3:]) == [("deleted", str(number)), ("edited", str(old))]
        assert (desk.letters, fares.errors) == ([], [])


async def test_the_hook_over_repeats_and_an_outage() -> None:
    async with town() as place, running() as rig:
        desk = Desk(rig)
        source = place.source(way="hook", hook_secret="s", confirmation="c")
        hooks = Hooks(sources=Known(source), connectors={"vk": place.vk}, arrivals=desk.arrivals, heard=Fares())

        async def handle(asked: Request) -> Answer:
            try:
                answer = await hooks.answer("vk", "town", {}, asked.body)
            except Forbidden:
                return Answer(status=403)
            except Unavailable:
                return Answer(status=503, headers={"Retry-After": "0.05"})
            return Answer(status=answer.status, text=answer.body.decode())

        async with Loopback(handle) as server:
            callback = place.standin.callback(server.address, group=GROUP, secret="s", confirmation="c")
            assert await callback.confirm()
            callback.manner = Manner(times=3)
            desk.seen.fail_next_record = True
            rig.stream.away = True
            number = place.world.comment(place.post, 77, "Где вода?")
            place.world.delete(place.post, number)
            await until(lambda: len(callback.deliveries) > 2)
            rig.stream.away = False
            await asyncio.wait_for(callback.drained(), 20)
        assert [kind for kind, _ in desk.told] == ["comment.created", "comment.deleted"]
