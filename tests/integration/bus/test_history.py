"""A stream's whole past, read once."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from shared.bus import Bus, Delivered, Outgoing, Unreadable, history
from shared.clock import new_id, utc_now
from shared.errors import Unavailable
from shared.events import Label, LabelKind
from tests.integration.bus.broker import Broker
from tests.integration.bus.samples import until

SUBJECTS = ("labels.tag", "labels.topic")


def label(number: int, kind: LabelKind = "tag", value: str = "spam") -> Outgoing:
    event = Label(
        id=str(new_id()),
        kind=kind,
        comment=f"vk:wall:-1:{number}",
        version=number + 1,
        text="Текст",
        value=value,
        model="fast-1",
        labelled_by="k1",
        at=utc_now(),
    )
    return Outgoing(event=event, msg_id=event.id)


async def read(bus: Bus) -> list[Delivered | Unreadable]:
    async with aclosing(history(bus, "LABELS", SUBJECTS)) as items:
        return [item async for item in items]


async def test_everything_comes_in_order_with_what_is_unreadable_and_leaves_no_reader(bus: Bus) -> None:
    assert await read(bus) == []
    await bus.publish([label(number) for number in range(450)])
    await bus.jetstream.publish("labels.tag", b"{")
    await bus.publish([label(450, "topic", "roads"), label(451, "institution", "school-1")])

    items = await read(bus)

    assert len(items) == 452
    assert [item.sequence for item in items] == list(range(1, 453))
    assert isinstance(items[450], Unreadable)
    assert items[450].reason == "undecodable"
    last = items[-1]
    assert isinstance(last, Delivered)
    assert isinstance(last.event, Label)
    assert last.event.kind == "topic"
    assert await bus.jetstream.consumers_info("LABELS") == []


async def test_leaving_early_leaves_no_reader(bus: Bus) -> None:
    await bus.publish([label(number) for number in range(300)])
    async with aclosing(history(bus, "LABELS", SUBJECTS)) as items:
        async for _ in items:
            break
    assert await bus.jetstream.consumers_info("LABELS") == []


async def test_a_broker_that_is_away_is_unavailable(bus: Bus, broker: Broker) -> None:
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    with pytest.raises(Unavailable):
        await read(bus)
