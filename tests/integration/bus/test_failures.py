"""Handlers that fail: the guilty message is isolated, the others are handled once, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest
from structlog.testing import capture_logs

from shared.bus import CLASSIFIER_COMMENTS, Bus, Delivered
from shared.errors import Poison, Transient, Unavailable
from shared.events import DeadLetter, decode
from tests.integration.bus.samples import (
    MOMENT,
    QUICK,
    TEXT,
    Recorder,
    all_done,
    comments,
    consumer,
    created,
    running,
    stored,
    unfinished,
    until,
)

Verdict = Callable[[Sequence[Delivered]], Mapping[int, Poison] | None]


async def letters(bus: Bus) -> list[DeadLetter]:
    found = [decode(message.subject or "", message.data or b"") for message in await stored(bus, "DEAD")]
    assert all(isinstance(letter, DeadLetter) for letter in found)
    return found  # type: ignore[return-value]  # the line above


def guilty(number: int, error: Exception) -> Verdict:
    """Raises `error` for every batch that comment `number` is in."""

    def verdict(batch: Sequence[Delivered]) -> None:
        if any(item.sequence == number for item in batch):
            raise error

    return verdict


async def test_poison_in_a_mapping_buries_that_message_alone(bus: Bus) -> None:
    def verdict(batch: Sequence[Delivered]) -> dict[int, Poison]:
        return {i: Poison("no_page", "page unknown") for i, item in enumerate(batch) if item.sequence == 3}

    await bus.publish(comments(5))
    handle = Recorder(verdict)
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle, clock=lambda: MOMENT)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert handle.sequences == [1, 2, 4, 5]
    (letter,) = await letters(bus)
    assert letter == DeadLetter(
        service="classifier",
        reason="no_page",
        detail="page unknown",
        stream="COMMENTS",
        sequence=3,
        consumer="classifier",
        subject="comments.created.vk.LTE",
        deliveries=1,
        at=MOMENT,
        payload=msgspec.json.encode(created(3)),
    )


async def test_poison_that_is_raised_finds_its_message(bus: Bus) -> None:
    await bus.publish(comments(6))
    handle = Recorder(guilty(4, Poison("bad", "no")))
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert sorted(handle.sequences) == [1, 2, 3, 5, 6]
    assert [(letter.sequence, letter.reason) for letter in await letters(bus)] == [(4, "bad")]


@pytest.mark.parametrize(
    ("reason", "kept"), [("Bad Reason!", "bad_reason_"), ("", "unnamed"), ("x" * 90, "x" * 40), ("a.b", "a_b")]
)
async def test_a_reason_that_is_no_word_is_made_one(bus: Bus, reason: str, kept: str) -> None:
    await bus.publish(comments(1))
    handle = Recorder(lambda _: {0: Poison(reason, "\ud800" + "d" * 9_000)})
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    (letter,) = await letters(bus)
    assert (letter.reason, letter.detail) == (kept, "?" + "d" * 1_999)


async def test_an_unforeseen_error_isolates_the_bad_message_and_buries_it_at_the_fifth_delivery(bus: Bus) -> None:
    await bus.publish(comments(10))
    handle = Recorder(guilty(7, ValueError(TEXT)))
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert sorted(handle.sequences) == [1, 2, 3, 4, 5, 6, 8, 9, 10]
    (letter,) = await letters(bus)
    assert (letter.sequence, letter.reason, letter.deliveries) == (7, "exhausted", 5)
    assert letter.detail == "failed 5 times, last with ValueError"
    tried = {item.deliveries for call in handle.calls for item in call if item.sequence == 7}
    assert tried == {1, 2, 3, 4, 5}


async def test_from_the_third_delivery_on_a_message_is_tried_alone(bus: Bus) -> None:
    def verdict(batch: Sequence[Delivered]) -> None:
        if any(item.sequence <= 5 for item in batch):
            raise ValueError("broken")

    # The five are handed back together, so they come again together.
    await bus.publish(comments(10))
    handle = Recorder(verdict)
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    sizes = {(item.deliveries, len(call)) for call in handle.calls for item in call}
    assert {size for deliveries, size in sizes if deliveries >= 3} == {1}
    assert max(size for deliveries, size in sizes if deliveries == 2) > 1
    assert sorted(handle.sequences) == [6, 7, 8, 9, 10]
    assert sorted(letter.sequence for letter in await letters(bus)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "error", [Transient("database away"), Unavailable("broker away")], ids=lambda error: type(error).__name__
)
async def test_something_away_keeps_the_batch_and_tries_it_again_in_place(bus: Bus, error: Exception) -> None:
    left = [error] * 12

    def verdict(_: Sequence[Delivered]) -> None:
        if left:
            raise left.pop()

    await bus.publish(comments(10))
    handle = Recorder(verdict)
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert handle.sequences == list(range(1, 11))
    assert [len(call) for call in handle.calls] == [10] * 13
    assert {item.deliveries for item in handle.finished} == {1}
    assert await letters(bus) == []


async def test_an_outage_longer_than_patience_hands_back_and_buries_nothing(bus: Bus) -> None:
    away = True

    def verdict(_: Sequence[Delivered]) -> None:
        if away:
            raise Transient("database away")

    patience = msgspec.structs.replace(QUICK, hold_seconds=0.2)
    await bus.publish(comments(3))
    handle = Recorder(verdict)
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle, patience=patience)):
        await until(lambda: any(item.deliveries == 3 for call in handle.calls for item in call), "a third delivery")
        away = False
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert sorted(handle.sequences) == [1, 2, 3]
    assert await letters(bus) == []


async def test_one_message_that_is_always_away_does_not_hold_up_the_others_for_ever(bus: Bus) -> None:
    patience = msgspec.structs.replace(QUICK, hold_seconds=0.1)
    await bus.publish(comments(10))
    handle = Recorder(guilty(5, Transient("lock not granted")))
    reader = consumer(bus, CLASSIFIER_COMMENTS, handle, patience=patience)
    async with running(reader):
        await until(lambda: len(handle.finished) == 9, "the nine others")

    assert sorted(handle.sequences) == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert await letters(bus) == []
    assert sum(await unfinished(bus, CLASSIFIER_COMMENTS)) == 1


async def test_what_came_too_often_is_buried_unhandled(bus: Bus) -> None:
    await bus.publish(comments(1))
    subscription = await bus.jetstream.pull_subscribe_bind(durable="classifier", stream="COMMENTS")
    for _ in range(25):
        (message,) = await subscription.fetch(1)
        await message.nak()
    await subscription.unsubscribe()
    await bus.publish(comments(1, start=2))
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert handle.sequences == [2]
    assert [item.sequence for call in handle.calls for item in call] == [2]
    (letter,) = await letters(bus)
    assert (letter.sequence, letter.reason, letter.deliveries) == (1, "exhausted", 26)


async def test_while_the_dead_letters_are_full_the_consumer_waits_and_nothing_is_dropped(bus: Bus) -> None:
    config = (await bus.jetstream.stream_info("DEAD")).config
    await bus.jetstream.update_stream(config.evolve(max_msgs=1))
    await bus.publish(comments(6))
    handle = Recorder(lambda batch: {i: Poison("bad", "no") for i, item in enumerate(batch) if item.sequence in (2, 4)})

    with capture_logs() as entries:
        async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
            await until(lambda: any(entry["event"] == "dead letter not stored yet" for entry in entries), "a refusal")
            assert [letter.sequence for letter in await letters(bus)] == [2]
            await bus.jetstream.update_stream(config)
            await all_done(bus, CLASSIFIER_COMMENTS)

    assert [letter.sequence for letter in await letters(bus)] == [2, 4]
    assert set(handle.sequences) == {1, 3, 5, 6}


async def test_stopping_while_the_dead_letters_are_full_hands_the_message_back(bus: Bus) -> None:
    config = (await bus.jetstream.stream_info("DEAD")).config
    await bus.jetstream.update_stream(config.evolve(max_bytes=1))
    await bus.publish(comments(1))
    with capture_logs() as entries:
        async with running(consumer(bus, CLASSIFIER_COMMENTS, Recorder(lambda _: {0: Poison("bad", "no")}))):
            await until(lambda: any(entry["event"] == "dead letter not stored yet" for entry in entries), "a refusal")
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert handle.sequences == [1]
    assert await letters(bus) == []


async def test_burying_twice_stores_one_letter(bus: Bus) -> None:
    await bus.publish(comments(1))
    for _ in range(2):
        # The acknowledgement is lost with the durable; the message comes to a new one as if for the first time.
        async with running(consumer(bus, CLASSIFIER_COMMENTS, Recorder(lambda _: {0: Poison("bad", "no")}))):
            await all_done(bus, CLASSIFIER_COMMENTS)
        await bus.jetstream.delete_consumer("COMMENTS", "classifier")
        await bus.ensure()

    assert len(await letters(bus)) == 1


@pytest.mark.parametrize(
    "error", [ValueError(TEXT), Poison("bad", TEXT), KeyError(TEXT)], ids=lambda error: type(error).__name__
)
async def test_no_word_of_a_comment_is_logged(bus: Bus, error: Exception) -> None:
    await bus.publish(comments(4))
    await bus.jetstream.publish("comments.created.vk.LTE", f'{{"type":"{TEXT}"}}'.encode())
    await bus.jetstream.publish("comments.created.vk.LTE", msgspec.json.encode({"type": "label", "kind": TEXT}))

    with capture_logs() as entries:
        async with running(consumer(bus, CLASSIFIER_COMMENTS, Recorder(guilty(2, error)))):
            await all_done(bus, CLASSIFIER_COMMENTS)

    assert any(entry["event"] == "dead letter" for entry in entries)
    assert "Вымышленной" not in repr(entries)
    details = [letter.detail for letter in await letters(bus) if letter.reason == "invalid"]
    assert len(details) == 2
    assert "Вымышленной" not in "".join(details)
