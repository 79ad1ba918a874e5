"""Bytes to events: what is good comes back as it went; all else is Poison that says why and quotes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.topology import COMMENTS, DEAD, MAX_MESSAGE_BYTES, TAGGED
from shared.errors import Poison
from shared.events import (
    MAX_EVENT_BYTES,
    Attachment,
    CommentCreated,
    DeadLetter,
    Tagged,
    TopicScore,
    decode,
    encode,
    subject_of,
)
from shared.events.base import ID_PATTERN, MAX_ATTACHMENTS, MAX_TEXT
from shared.topics import TOPICS

MOMENT = datetime(2026, 2, 3, 8, 15, 30, tzinfo=UTC)
WORDS = "Позвоните Невымышленной по номеру"
GOOD = CommentCreated(id="vk:wall:-1:2", platform="vk", page="vk:-1", received_at=MOMENT, text=WORDS)
SUBJECT = subject_of(GOOD)

ids = st.from_regex(ID_PATTERN.replace(r"$(?!\n)", ""), fullmatch=True)
moments = st.datetimes(timezones=st.just(UTC))
created = st.builds(
    CommentCreated,
    id=ids,
    platform=st.sampled_from(["vk", "telegram", "ok", "max", "http"]),
    page=ids.map(lambda local: f"vk:{local}"[:200]),
    post=st.none() | ids,
    parent=st.none() | ids,
    received_at=moments,
    posted_at=st.none() | moments,
    author=st.none() | st.text(max_size=64),
    author_kind=st.sampled_from(["person", "page", "community"]),
    text=st.text(max_size=300),
    attachments=st.lists(
        st.builds(Attachment, kind=st.sampled_from(["photo", "link"]), url=st.none() | st.text(max_size=50)), max_size=3
    ).map(tuple),
    trace=st.text(max_size=64),
)


def refused(payload: bytes, subject: str = SUBJECT) -> Poison:
    with pytest.raises(Poison) as caught:
        decode(subject, payload)
    return caught.value


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(encode(GOOD)), **fields}).encode()


@given(created)
def test_what_is_written_is_read_again(event: CommentCreated) -> None:
    assert decode(subject_of(event), encode(event)) == event


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_poison(payload: bytes) -> None:
    assert refused(payload).reason in ("undecodable", "invalid")


@given(st.integers(0, 400), st.integers(0, 255))
def test_one_wrong_byte_is_harmless_or_poison(place: int, byte: int) -> None:
    payload = bytearray(encode(GOOD))
    payload[place % len(payload)] = byte
    try:
        event = decode(SUBJECT, bytes(payload))
    except Poison as poison:
        assert poison.reason in ("undecodable", "invalid", "mismatched")
    else:
        assert subject_of(event) == SUBJECT


@pytest.mark.parametrize(
    ("reason", "payload"),
    [
        ("undecodable", b""),
        ("undecodable", encode(GOOD)[:-5]),
        ("undecodable", b"\xff\xfe\x00"),
        ("undecodable", encode(GOOD).replace("Позвоните".encode(), b"\xd0")),
        ("undecodable", b'{"surprise":' + b"[" * 100_000),
        ("undecodable", changed(text="x").replace(b'"x"', b'"\\ud800"')),
        ("invalid", b"null"),
        ("invalid", b"{}"),
        ("invalid", b"[" * 100_000),
        ("invalid", changed(type=WORDS)),
        ("invalid", changed(type=7)),
        ("invalid", changed(platform=WORDS)),
        ("invalid", changed(page="vk")),
        ("invalid", changed(page="vk:")),
        ("invalid", changed(page="fax:1")),
        ("invalid", changed(page="vk:1\n")),
        ("invalid", changed(id="vk:1\n")),
        ("invalid", changed(id="")),
        ("invalid", changed(id="x" * 201)),
        ("invalid", changed(id=WORDS)),
        ("invalid", changed(received_at="2026-02-03T08:15:30")),
        ("invalid", changed(received_at="yesterday")),
        ("invalid", changed(text=None)),
        ("invalid", changed(text="x" * (MAX_TEXT + 1))),
        ("invalid", changed(attachments=[{"kind": "photo"}] * (MAX_ATTACHMENTS + 1))),
        ("invalid", changed(attachments=[{"kind": WORDS}])),
        ("invalid", changed(v=2)),
        ("invalid", changed(v="1")),
        ("mismatched", changed(page="vk:-2")),
        ("mismatched", changed(type="comment.edited")),
        ("mismatched", changed(platform="telegram")),
    ],
)
def test_each_kind_of_garbage_has_its_reason(reason: str, payload: bytes) -> None:
    poison = refused(payload)

    assert poison.reason == reason
    assert poison.detail
    assert len(poison.detail) <= 500
    # Neither the detail nor anything that a traceback would show beside it quotes what was written.
    assert "Невымышленной" not in poison.detail
    assert poison.__cause__ is None
    assert poison.__suppress_context__ or poison.__context__ is None


def test_a_subject_with_words_in_it_is_not_repeated_at_length() -> None:
    assert len(refused(encode(GOOD), "comments.created.vk." + "x" * 4_000).detail) < 500


def test_the_largest_comment_is_below_the_limit_of_an_event() -> None:
    largest = CommentCreated(
        id="x" * 200, platform="telegram", page="telegram:" + "x" * 191, post="x" * 200, parent="x" * 200,
        received_at=MOMENT, posted_at=MOMENT, author="x" * 64, author_kind="community", trace="x" * 64,
        text="😀" * MAX_TEXT,
        attachments=tuple(Attachment(kind="document", url="x" * 2_048) for _ in range(MAX_ATTACHMENTS)),
    )  # fmt: skip

    encoded = encode(largest)

    assert len(encoded) < MAX_EVENT_BYTES < MAX_MESSAGE_BYTES
    assert decode(subject_of(largest), encoded) == largest


def test_a_text_of_nothing_but_control_characters_fits_too() -> None:
    """They take six bytes each; only together with addresses made of them can an event be too large to publish."""
    event = msgspec.structs.replace(GOOD, text="\x01" * MAX_TEXT)
    assert len(encode(event)) < MAX_EVENT_BYTES


def test_a_comment_of_the_largest_size_still_fits_into_what_the_classifier_says_of_it() -> None:
    comment = msgspec.structs.replace(GOOD, text="😀" * MAX_TEXT, trace="x" * 64)
    around = Tagged(
        comment=comment, version=2**63 - 1, tag="complaint",
        scores={"question": 1 / 3, "complaint": 1 / 3, "spam": 1 / 3, "other": 1 / 3},
        confidence=1 / 3, unsure=True, topic="kindergartens", model="x" * 100, trace="x" * 64,
        topics=tuple(TopicScore(topic=topic.id, score=1 / 3) for topic in TOPICS),
    )  # fmt: skip

    assert len(encode(around)) - len(encode(comment)) < TAGGED.max_event_bytes - COMMENTS.max_event_bytes


def test_the_largest_message_fits_into_a_dead_letter() -> None:
    letter = DeadLetter(
        service="x" * 40, reason="x" * 40, detail="\x01" * 2_000, stream="COMMENTS", sequence=2**63 - 1,
        consumer="routing-outcomes", subject="x" * 400, deliveries=26, at=MOMENT, payload=bytes(MAX_MESSAGE_BYTES),
    )  # fmt: skip

    assert len(encode(letter)) < DEAD.max_event_bytes


def test_a_dead_letter_keeps_any_bytes() -> None:
    letter = DeadLetter(
        service="routing", reason="invalid", detail="x", stream="TAGGED", sequence=1, consumer="routing",
        subject="tagged.other.vk.LTE", deliveries=1, at=MOMENT, payload=bytes(range(256)),
    )  # fmt: skip

    assert decode("dead.routing.invalid", encode(letter)) == letter
