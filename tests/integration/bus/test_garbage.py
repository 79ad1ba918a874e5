"""One message in a hundred is garbage: all of it is kept with its reason, all the rest is handled exactly once."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from shared.bus import CLASSIFIER_COMMENTS, ROUTING_LIFE, ROUTING_OUTCOMES, ROUTING_TAGGED, Bus, ConsumerSpec
from shared.bus.topology import MAX_MESSAGE_BYTES
from shared.events import DeadLetter, Event, Label, decode, encode, subject_of
from tests.integration.bus.samples import (
    MOMENT,
    Recorder,
    all_done,
    consumer,
    created,
    deleted,
    outcome,
    outgoing,
    running,
    stored,
    tagged,
)

GOOD = 1_000
LABEL = Label(
    id="018f0000-0000-7000-8000-000000000001",
    kind="tag",
    comment="vk:wall:-1:1",
    version=1,
    text="Здравствуйте",
    value="other",
    model="test",
    labelled_by="key",
    at=MOMENT,
)

DURABLES: list[tuple[ConsumerSpec, Callable[[int], Event]]] = [
    (CLASSIFIER_COMMENTS, created),
    (ROUTING_LIFE, deleted),
    (ROUTING_TAGGED, tagged),
    (ROUTING_OUTCOMES, outcome),
]


def garbage(good: Event, subject: str) -> list[tuple[str, str, bytes]]:
    """(reason, subject, payload), such as a broken or hostile publisher may send."""
    payload = encode(good)
    other = subject.replace(".LTE", ".LTI")  # another page's, as the durable filters it
    return [
        ("undecodable", subject, payload[: len(payload) // 2]),
        ("undecodable", subject, b""),
        ("undecodable", subject, b"\xff\xfe" + "привет".encode("utf-16")),
        ("undecodable", subject, payload.replace(b'"vk"', b'"v\xd0"', 1)),
        ("undecodable", subject, b'{"surprise":' + b"[" * 300_000),
        ("invalid", subject, b"[" * 300_000),
        ("invalid", subject, payload.replace(b'"v":1', b'"v":"one"', 1)),
        ("invalid", subject, payload.replace(b'"v":1', b'"v":2', 1)),
        ("invalid", subject, b'{"type":"surprise"}'),
        ("invalid", subject, b"[1, 2, 3]"),
        ("undecodable", subject, bytes(MAX_MESSAGE_BYTES)),
        ("invalid", subject, b'{"type":"' + b"x" * (MAX_MESSAGE_BYTES - 11) + b'"}'),
        ("mismatched", subject, encode(LABEL)),
        ("mismatched", other, payload),
    ]


@pytest.mark.parametrize(("spec", "event"), DURABLES, ids=lambda value: getattr(value, "durable", ""))
async def test_garbage_is_kept_with_its_reason_and_the_rest_is_handled(
    bus: Bus, spec: ConsumerSpec, event: Callable[[int], Event]
) -> None:
    good = [outgoing(event(number)) for number in range(1, GOOD + 1)]
    bad = garbage(event(1), subject_of(event(1)))
    expected: dict[int, tuple[str, str, bytes]] = {}
    part = GOOD // len(bad)
    for place, (reason, subject, payload) in enumerate(bad):
        await bus.publish(good[place * part : (place + 1) * part])
        stands = await bus.jetstream.publish(subject, payload)
        expected[stands.seq] = (reason, subject, payload)
    await bus.publish(good[len(bad) * part :])
    handle = Recorder()
    reader = consumer(bus, spec, handle, service="routing")

    async with running(reader):
        await all_done(bus, spec)
        assert reader.state == "running"

    assert [item.event for item in handle.finished] == [item.event for item in good]
    letters = [decode(message.subject or "", message.data or b"") for message in await stored(bus, "DEAD")]
    found: dict[int, tuple[str, str, bytes]] = {}
    for letter in letters:
        assert isinstance(letter, DeadLetter)
        assert (letter.stream, letter.consumer, letter.service) == (spec.stream, spec.durable, "routing")
        assert letter.detail
        found[letter.sequence] = (letter.reason, letter.subject, letter.payload)
    assert found == expected
    assert len(letters) == len(expected)


async def test_headers_of_a_stranger_do_not_confuse_a_consumer(bus: Bus) -> None:
    """A message whose headers look like the broker's own words, and one that claims a version from the future."""
    for number, headers in enumerate(
        [{"Status": "503"}, {"Status": "100"}, {"Otklik-First-Sequence": "99999"}, {"Otklik-First-Sequence": "¹"}], 1
    ):
        sent = created(number)
        await bus.jetstream.publish(subject_of(sent), msgspec.json.encode(sent), headers=headers)
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert handle.sequences == [1, 2, 3, 4]
