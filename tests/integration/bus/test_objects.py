"""An object store: what comes back is what was put there, or an error that says what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta

import nats.js
import pytest

from shared.bus import Bus, DamagedObject, Objects
from shared.bus import objects as module
from shared.errors import NotFound, TooLarge, Unavailable
from tests.integration.bus.broker import Broker
from tests.integration.bus.samples import until

LARGE = os.urandom(300_000)
LIMIT = 1_000_000


@pytest.fixture
async def objects(bus: Bus) -> Objects:
    return await bus.objects("models")


@pytest.mark.parametrize("content", [b"", b"small", LARGE, LARGE[: 128 * 1024], LARGE[: 128 * 1024 + 1]])
async def test_what_is_put_comes_back(objects: Objects, content: bytes) -> None:
    await objects.put("one", content, note="about it", max_bytes=LIMIT)

    assert await objects.get("one", max_bytes=LIMIT) == content
    (item,) = await objects.list()
    assert (item.name, item.size, item.note) == ("one", len(content), "about it")
    assert item.stored_at.tzinfo is not None


async def test_it_is_replaced_and_removed_without_a_trace(objects: Objects, bus: Bus) -> None:
    await objects.put("one", LARGE, max_bytes=LIMIT)
    await objects.put("one", b"new", max_bytes=LIMIT)
    await objects.put("two", b"2", max_bytes=LIMIT)
    assert await objects.get("one", max_bytes=LIMIT) == b"new"
    assert [item.name for item in await objects.list()] == ["one", "two"]

    for name in ("one", "two", "never-there"):
        await objects.remove(name)
    assert await objects.list() == []
    assert (await bus.jetstream.stream_info("OBJ_models")).state.messages == 0


async def test_what_is_not_there(objects: Objects, bus: Bus) -> None:
    with pytest.raises(NotFound, match="nothing is stored under one"):
        await objects.get("one", max_bytes=LIMIT)
    # As the tools of NATS remove it.
    await objects.put("one", b"1", max_bytes=LIMIT)
    await (await bus.jetstream.object_store("models")).delete("one")
    with pytest.raises(NotFound):
        await objects.get("one", max_bytes=LIMIT)
    assert await objects.list() == []


async def test_what_is_too_large_is_neither_put_nor_read(objects: Objects) -> None:
    with pytest.raises(TooLarge, match="at most 10"):
        await objects.put("one", b"12345678901", max_bytes=10)
    await objects.put("one", b"12345678901", max_bytes=LIMIT)
    with pytest.raises(TooLarge, match="at most 10"):
        await objects.get("one", max_bytes=10)


async def chunks(bus: Bus) -> int:
    """How many objects have chunks."""
    state = (await bus.jetstream.stream_info("OBJ_models", subjects_filter="$O.models.C.*")).state
    return len(state.subjects or {})


async def break_off(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker falls silent in the middle of an object."""
    publish, left = nats.js.JetStreamContext.publish, 2

    async def silent(*arguments: object, **more: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            await asyncio.Event().wait()
        return await publish(*arguments, **more)  # type: ignore[arg-type]  # as it came

    with monkeypatch.context() as patch:
        patch.setattr(nats.js.JetStreamContext, "publish", silent)
        patch.setattr(module, "WRITE_SECONDS", 2.0)
        with pytest.raises(Unavailable):
            await objects.put("broken", LARGE, max_bytes=LIMIT)


async def test_what_broke_off_is_swept_away_once_it_is_old(
    objects: Objects, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await objects.put("one", LARGE, max_bytes=LIMIT)
    await break_off(objects, monkeypatch)
    assert await chunks(bus) == 2

    # It might still be going on.
    await objects.put("two", b"2", max_bytes=LIMIT)
    assert await chunks(bus) == 3
    monkeypatch.setattr(module, "ABANDONED", timedelta())
    await objects.put("three", b"3", max_bytes=LIMIT)

    assert await chunks(bus) == 3
    assert [item.name for item in await objects.list()] == ["one", "three", "two"]
    assert await objects.get("one", max_bytes=LIMIT) == LARGE


async def test_nothing_is_swept_away_while_a_description_cannot_be_read(
    objects: Objects, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await objects.put("one", LARGE, max_bytes=LIMIT)
    described = await bus.jetstream.get_last_msg("OBJ_models", "$O.models.M.b25l")
    await bus.jetstream.publish("$O.models.M.b25l", b"{", headers={"Nats-Rollup": "sub"})
    monkeypatch.setattr(module, "ABANDONED", timedelta())
    await objects.put("two", b"2", max_bytes=LIMIT)

    await bus.jetstream.publish("$O.models.M.b25l", described.data or b"", headers={"Nats-Rollup": "sub"})
    assert await objects.get("one", max_bytes=LIMIT) == LARGE


async def test_a_missing_chunk_is_damage_and_no_silence(objects: Objects, bus: Bus) -> None:
    await objects.put("one", LARGE, max_bytes=LIMIT)
    await bus.jetstream.delete_msg("OBJ_models", 2)
    async with asyncio.timeout(20):
        with pytest.raises(DamagedObject, match="one is damaged"):
            await objects.get("one", max_bytes=LIMIT)


@pytest.mark.parametrize(
    "description", [b"{", b"\xff", b'{"name":"one","nuid":"x","size":1}', b'{"name":"one","digest":"SHA-256=!"}']
)
async def test_a_garbled_description_is_damage_until_it_is_put_anew(
    objects: Objects, bus: Bus, description: bytes
) -> None:
    await objects.put("one", b"1", max_bytes=LIMIT)
    await objects.put("two", b"2", max_bytes=LIMIT)
    await bus.jetstream.publish("$O.models.M.b25l", description, headers={"Nats-Rollup": "sub"})

    with pytest.raises(DamagedObject):
        await objects.get("one", max_bytes=LIMIT)
    assert [item.name for item in await objects.list()] == ["two"]
    await objects.put("one", b"new", max_bytes=LIMIT)
    assert await objects.get("one", max_bytes=LIMIT) == b"new"
    await objects.remove("one")


async def test_other_bytes_than_the_hash_says_are_damage(objects: Objects, bus: Bus) -> None:
    await objects.put("one", b"right", max_bytes=LIMIT)
    raw = await bus.jetstream.get_last_msg("OBJ_models", "$O.models.M.b25l")
    described = json.loads(raw.data or b"")
    await bus.jetstream.purge_stream("OBJ_models", subject=f"$O.models.C.{described['nuid']}")
    await bus.jetstream.publish(f"$O.models.C.{described['nuid']}", b"wrong")

    with pytest.raises(DamagedObject):
        await objects.get("one", max_bytes=LIMIT)


async def test_a_broker_that_is_away_is_unavailable(objects: Objects, bus: Bus, broker: Broker) -> None:
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    with pytest.raises(Unavailable):
        await bus.objects("models")
    await bus.drain()
    for work in (
        objects.put("one", b"1", max_bytes=LIMIT),
        objects.get("one", max_bytes=LIMIT),
        objects.list(),
        objects.remove("one"),
    ):
        with pytest.raises(Unavailable):
            await work
