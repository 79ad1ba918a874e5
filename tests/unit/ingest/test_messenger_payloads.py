"""Telegram's and MAX's decoding of recorded payloads, and of what is hardly one any more."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors.connector import Decoder
from services.ingest.connectors.max.decoding import decode as decode_max
from services.ingest.connectors.received import MAX_REASON, NotThisPlatform, Received
from services.ingest.connectors.telegram.decoding import decode as decode_telegram
from services.ingest.submission import Entry, Submission, to_entry
from shared.clock import utc_now
from tests.fixtures.payloads import ABSENT, PAYLOADS, mutated, recorded

DECODERS: dict[str, Decoder] = {"telegram": decode_telegram, "max": decode_max}
PAGES = {"telegram": "telegram:-100111", "max": "max:-70000000000001"}
FILES = [(platform, path) for platform in DECODERS for path in recorded(platform)]

# Nothing in them was written by anybody: the shapes are the published ones.
MADE: dict[str, list[Any]] = {
    "telegram": [
        {
            "update_id": 7,
            "message": {
                "message_id": 12,
                "message_thread_id": 10,
                "date": 1790935620,
                "chat": {"id": -100222, "type": "supergroup"},
                "from": {"id": 5, "is_bot": False},
                "reply_to_message": {
                    "message_id": 10,
                    "date": 1790935000,
                    "chat": {"id": -100222},
                    "is_automatic_forward": True,
                    "forward_origin": {"type": "channel", "chat": {"id": -100111}, "message_id": 3},
                },
                "text": "Когда?",
                "entities": [{"type": "text_link", "url": "https://example.org/"}],
                "photo": [{"file_id": "x"}],
            },
        },
        {"ok": True, "result": [{"update_id": 8, "edited_message": {"message_id": 1, "chat": {"id": -100222}}}]},
    ],
    "max": [
        {
            "update_type": "comment_edited",
            "timestamp": 1789225012032,
            "message": {
                "sender": {"user_id": 9, "is_bot": True},
                "recipient": {"chat_id": -70000000000001, "post_id": "mid.a"},
                "timestamp": 1789225012032,
                "link": {"type": "reply", "message": {"mid": "mid.b", "seq": 117258650388546657}},
                "body": {"mid": "mid.c", "seq": 117258650388546658, "text": "Да", "attachments": [{"type": "image"}]},
            },
        },
        {"update_type": "comment_removed", "message_id": "mid.c", "chat_id": -7, "post_id": "mid.a", "timestamp": 1},
        {"messages": [{"recipient": {"chat_id": -7, "post_id": "mid.a"}, "body": {"mid": "mid.d", "text": "И?"}}]},
    ],
}


def sound(events: list[Received]) -> None:
    """Each event is one thing, and whatever it submits is stored as it is."""
    assert events
    for event in events:
        told = [event.submission, event.copy, event.moved, event.skipped]
        assert sum(it is not None for it in told) == 1
        assert event.skipped is None or 0 < len(event.skipped) <= MAX_REASON
        assert event.thread is None or event.submission is not None
        if event.submission is not None:
            checked = msgspec.convert(msgspec.to_builtins(event.submission), Submission)
            entry = to_entry(checked, author_key=b"of the tests", received_at=utc_now(), trace="t")
            assert isinstance(entry, Entry), entry


@pytest.mark.skipif(not PAYLOADS.exists(), reason=ABSENT)
def test_payloads_are_at_hand() -> None:
    """The table below is not empty by mistake."""
    assert len(recorded("telegram")) >= 8
    assert len(recorded("max")) >= 39


@pytest.mark.parametrize(("platform", "path"), FILES, ids=[f"{name}-{path.stem}" for name, path in FILES])
def test_recorded_payloads_are_comments_or_a_named_skip(
    platform: str, path: Path, record_property: pytest.RecordProperty
) -> None:
    """None is an error, and what each becomes stands in the report."""
    events = DECODERS[platform](path.read_bytes(), PAGES[platform])
    sound(events)
    became = [it.skipped or (it.submission.event if it.submission else "copy") for it in events]
    record_property(path.name, ", ".join(became))


@pytest.mark.skipif(not PAYLOADS.exists(), reason=ABSENT)
def test_what_recorded_payloads_become() -> None:
    """Of all of them three are comments; the rest is named for what it is."""
    became: dict[str, list[str]] = {}
    for platform, path in FILES:
        for event in DECODERS[platform](path.read_bytes(), None):
            became.setdefault(event.skipped or "comment", []).append(path.name)
    assert became["comment"] == [
        "fixture_nested_reply_in_thread.json",
        "gosdk_webhook_comment_created.json",
        "real_comment_created_2026-09.json",
    ]
    assert "real_group_message_protected.json" in became["not a comment"]
    assert became["service message: pinned_message"] == ["real_pinned_message.json"]
    assert became["error answer"] == ["error_200_success_false.json", "gosdk_error_invalid-token.json"]
    assert "real_voice_message_created_empty_poll.json" in became["message_created"]
    assert "unknown update" not in became


@pytest.mark.skipif(not PAYLOADS.exists(), reason=ABSENT)
def test_a_nested_reply_is_looked_up_by_its_thread() -> None:
    """Its parent is the comment it replies to, its post is what the thread's copy is of."""
    path = PAYLOADS / "telegram" / "fixture_nested_reply_in_thread.json"
    (event,) = decode_telegram(path.read_bytes(), "telegram:-100111")
    comment, thread = event.submission, event.thread
    assert comment is not None
    assert thread is not None
    assert (thread.group, thread.copy) == ("-100222", "900")
    assert (comment.id, comment.parent, comment.post) == ("-100222:903", "-100222:901", None)
    assert (comment.page, comment.author, comment.author_kind) == ("telegram:-100111", "3", "person")
    assert comment.posted_at is not None
    assert comment.posted_at.isoformat() == "2026-10-02T10:07:00+00:00"


@pytest.mark.skipif(not PAYLOADS.exists(), reason=ABSENT)
def test_a_real_comment_of_max() -> None:
    """Its author is hidden; ids are strings, to the last digit."""
    path = PAYLOADS / "max" / "real_comment_created_2026-09.json"
    (event,) = decode_max(path.read_bytes())
    comment = event.submission
    assert comment is not None
    assert (comment.page, comment.author, comment.author_kind) == ("max:-77345848199175", None, "person")
    assert comment.id == "mid.ffffb9a7843177f901a0961f0b404461"
    assert comment.post == "mid.ffffb9a7843177f901a095b6ca9f7bfa"
    assert event.key == "comment_created:mid.ffffb9a7843177f901a0961f0b404461:1789225012032"
    assert comment.posted_at is not None
    assert comment.posted_at.isoformat() == "2026-09-12T14:56:52.032000+00:00"


@pytest.mark.parametrize("platform", DECODERS)
@settings(max_examples=400)
@given(random=st.randoms(use_true_random=False))
def test_whatever_became_of_a_payload_it_is_no_error(platform: str, random: Random) -> None:
    """Events, named skips, or NotThisPlatform; the words of the last quote nothing."""
    real = [json.loads(path.read_bytes()) for name, path in FILES if name == platform]
    payload = mutated(random.choice(MADE[platform] * 5 + real), random)
    try:
        sound(DECODERS[platform](payload, random.choice([None, PAGES[platform]])))
    except NotThisPlatform as error:
        assert str(error).startswith("expected a")
        assert "\n" not in str(error)


@pytest.mark.parametrize("platform", DECODERS)
@given(payload=st.binary(max_size=200))
def test_bytes_of_any_kind(platform: str, payload: bytes) -> None:
    """The same for what never was a payload."""
    with contextlib.suppress(NotThisPlatform):
        sound(DECODERS[platform](payload, None))


@pytest.mark.parametrize("platform", DECODERS)
@pytest.mark.parametrize(
    "payload", [b"[" * 100_000, b'{"message":' * 50_000, b'{"a":' + b"9" * 6_000 + b"}", b"", b"nul"]
)
def test_hostile_json(platform: str, payload: bytes) -> None:
    """Depth and length are no way to crash."""
    with pytest.raises(NotThisPlatform):
        DECODERS[platform](payload, None)


def test_the_platforms_are_told_apart() -> None:
    """What one sent is nothing to the other."""
    for payload in MADE["telegram"]:
        with pytest.raises(NotThisPlatform):
            decode_max(json.dumps(payload).encode())
    for payload in MADE["max"]:
        with pytest.raises(NotThisPlatform):
            decode_telegram(json.dumps(payload).encode())
