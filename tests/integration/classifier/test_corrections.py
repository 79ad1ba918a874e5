"""Moderators' corrections as rows to learn from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.classifier.training.corrections import read_corrections
from services.classifier.training.rows import Row, distinct
from shared.bus import Bus, Outgoing
from shared.clock import new_id
from shared.events import Label

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def label(local: str, kind: str, value: str, *, minute: int = 0, version: int = 1, text: str = "") -> Outgoing:
    fields: dict[str, Any] = {"kind": kind, "comment": f"vk:wall:-1:{local}", "version": version, "value": value}
    event = Label(
        id=str(new_id()),
        text=text or f"Комментарий {local}, версия {version}",
        previous="other",
        model="fast-1",
        labelled_by="key-1",
        at=NOON + timedelta(minutes=minute),
        **fields,
    )
    return Outgoing(event=event, msg_id=event.id)


async def test_the_newest_label_of_a_kind_wins_and_kinds_come_together(bus: Bus) -> None:
    await bus.publish(
        [
            label("1", "tag", "complaint", minute=1),
            label("1", "topic", "roads", minute=1),
            # Stored later, decided earlier.
            label("2", "tag", "spam", minute=5),
            label("2", "tag", "question", minute=4),
            label("1", "tag", "question", minute=9),
            label("1", "tag", "other", minute=8, version=7),
            label("3", "topic", "snow", minute=2),
            label("4", "institution", "school-1", minute=3),
        ]
    )
    found = await read_corrections(bus)
    assert found.rows == (
        Row(text="Комментарий 1, версия 1", tag="question", topic="roads", streamlike=True),
        Row(text="Комментарий 1, версия 7", tag="other", streamlike=True),
        Row(text="Комментарий 2, версия 1", tag="spam", streamlike=True),
        Row(text="Комментарий 3, версия 1", topic="snow"),
    )
    assert (found.labels, found.replaced, found.unusable) == (7, 2, 0)


async def test_what_cannot_be_learned_is_counted(bus: Bus) -> None:
    await bus.publish(
        [
            label("1", "tag", "rubbish"),
            label("2", "topic", "no-such-topic"),
            label("3", "tag", "spam", text="  \n"),
            label("4", "tag", "spam"),
        ]
    )
    await bus.jetstream.publish("labels.tag", b'{"type":"label"')
    found = await read_corrections(bus)
    assert [row.text for row in found.rows] == ["Комментарий 4, версия 1"]
    assert (found.labels, found.unusable) == (5, 4)


async def test_all_of_them_are_read(bus: Bus) -> None:
    await bus.publish([label(str(number), "tag", "spam", minute=number) for number in range(1_000)])
    found = await read_corrections(bus)
    assert len(found.rows) == 1_000
    assert found.rows[0].text == "Комментарий 999, версия 1"


async def test_a_correction_goes_before_what_else_is_said_of_the_same_text(bus: Bus) -> None:
    await bus.publish([label("1", "tag", "spam", text="Заработок от 5000 в день!")])
    found = await read_corrections(bus)
    rows = distinct([*found.rows, Row(text="заработок от 5000 в день!", tag="other")])
    assert [row.tag for row in rows] == ["spam"]


async def test_without_corrections_there_is_nothing_to_learn(bus: Bus) -> None:
    assert (await read_corrections(bus)).rows == ()
