"""What every platform's decoder promises, whatever comes: events or named skips, and no error but NotThisPlatform."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors.connector import Decoder
from services.ingest.connectors.platforms import DECODERS
from services.ingest.connectors.received import NotThisPlatform, Received
from shared.events.base import PLATFORMS
from tests.bench.fuzz_payloads import check, fuzz
from tests.fixtures.recordings import MADE, PAGES, mutated, mutations

RUNS = 2_000
MARK = "СЛОВО-КОТОРОГО-НЕТ-В-ОШИБКАХ"

platforms = pytest.mark.parametrize("platform", sorted(DECODERS))


def decode(platform: str, payload: object, page: str | None = None) -> list[Received]:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return DECODERS[platform](content, page)


def refused(decoder: Decoder, payload: bytes) -> str:
    with pytest.raises(NotThisPlatform) as caught:
        decoder(payload, None)
    return str(caught.value)


def foreign(platform: str) -> Iterator[tuple[str, object, list[Received]]]:
    """The other platforms' payloads, each with what it becomes here, where it is not refused."""
    for other in sorted(set(MADE) - {platform}):
        for payload in MADE[other]:
            with suppress(NotThisPlatform):
                yield other, payload, decode(platform, payload, PAGES[platform])


def comments(events: list[Received]) -> list[Received]:
    return [event for event in events if event.submission is not None]


def test_every_decoder_is_a_platforms_and_has_payloads() -> None:
    assert set(DECODERS) <= set(PLATFORMS) - {"http"}
    assert set(DECODERS) <= set(MADE)
    assert set(DECODERS) <= set(PAGES)


@platforms
def test_published_shapes_become_comments_of_the_platform(platform: str) -> None:
    found = [event for payload in MADE[platform] for event in comments(decode(platform, payload, PAGES[platform]))]
    assert found
    for event in found:
        assert event.submission is not None
        assert event.submission.platform == platform
        assert event.submission.page == PAGES[platform]
        assert not event.submission.id.startswith(f"{platform}:")
    good, bad, _ = check(found)
    assert (good, bad) == (len(found), 0)


BROKEN: dict[str, list[object]] = {
    "vk": [
        {"type": "wall_reply_new", "group_id": 1234, "event_id": "e", "object": {"id": 9, "text": MARK}},
        {"type": "wall_reply_new", "group_id": 1234, "event_id": "e", "object": None},
        {"ts": "5", "updates": [MARK]},
        {"response": {"items": [{"id": 1, "from_id": 5, "date": 1785571200, "text": MARK}]}},
    ],
    "telegram": [
        {"update_id": 7, "message": MARK},
        {"update_id": 7, "message": {"message_id": 12, "text": MARK}},
        {"ok": True, "result": [MARK]},
    ],
    "max": [
        {"update_type": "comment_created", "timestamp": 1},
        {"update_type": "comment_created", "timestamp": 1, "message": {"body": {"text": MARK}}},
        {"updates": [{"update_type": "comment_removed", "timestamp": 1}]},
        {"messages": [MARK]},
    ],
    "ok": [
        {"discussionId": "62503929662320", "comments": [{"id": "not an id", "text": MARK}]},
        {"comments": [{"id": "MTo=", "text": MARK}]},
    ],
}
"""Of kinds that are taken, and without what a comment needs."""


@pytest.mark.parametrize(("platform", "payload"), [(name, each) for name, found in BROKEN.items() for each in found])
def test_what_should_be_a_comment_and_is_none_is_marked_to_be_kept(platform: str, payload: object) -> None:
    (event,) = decode(platform, payload, PAGES[platform])
    assert event.skipped
    assert event.fault is not None
    assert MARK not in repr(event)
    assert decode(platform, payload, PAGES[platform]) == [event]


@platforms
def test_what_is_none_of_ours_is_not(platform: str) -> None:
    for other, payload, events in foreign(platform):
        assert all(event.fault is None for event in events), (other, payload)


@platforms
def test_the_same_payload_decodes_to_the_same_events(platform: str) -> None:
    for payload in MADE[platform]:
        assert decode(platform, payload, PAGES[platform]) == decode(platform, payload, PAGES[platform])


@platforms
def test_unknown_fields_change_nothing(platform: str) -> None:
    for payload in MADE[platform]:
        assert isinstance(payload, dict)
        more = payload | {"something_new": {"deep": [1, None, MARK]}}
        assert decode(platform, more, PAGES[platform]) == decode(platform, payload, PAGES[platform])


@platforms
def test_reasons_of_skips_are_few_and_hold_nothing_of_the_content(platform: str) -> None:
    reasons = set()
    for number in range(50):
        for payload in MADE[platform]:
            assert isinstance(payload, dict)
            odd = dict.fromkeys(payload, f"{MARK} {number}")
            for changed in (odd, payload | {next(iter(payload)): f"{MARK} {number}"}):
                try:
                    events = decode(platform, changed, PAGES[platform])
                except NotThisPlatform as error:
                    assert MARK not in str(error)
                else:
                    reasons |= {event.skipped for event in events if event.skipped is not None}
    assert not any(MARK in reason for reason in reasons)
    assert len(reasons) <= 10


@platforms
@pytest.mark.parametrize(
    "payload",
    [
        b"", b" ", b"\0", b"\xff\xfe\0\0", b"null", b"5", b'"x"', b"true", b"{", b"nul", b"<html></html>", b"{}",
        b"[" * 100_000, b'{"message":' * 50_000, b'{"a":' + b"9" * 6_000 + b"}", b"1e999", b'{"a":"\\ud800"',
    ],
    ids=lambda payload: repr(payload[:12]),
)  # fmt: skip
def test_what_is_no_payload_is_refused_in_one_short_line(platform: str, payload: bytes) -> None:
    words = refused(DECODERS[platform], payload)
    assert "expected" in words
    assert "\n" not in words
    assert len(words) <= 200


@platforms
def test_a_refusal_quotes_nothing(platform: str) -> None:
    for payload in (MARK.encode(), json.dumps(MARK).encode(), json.dumps({MARK: MARK}).encode()):
        assert MARK not in refused(DECODERS[platform], payload)


@platforms
def test_other_platforms_payloads_are_no_error(platform: str) -> None:
    for other, payload, events in foreign(platform):
        assert comments(events) == [], (other, payload)


@platforms
def test_a_byte_order_mark_is_no_error(platform: str) -> None:
    for payload in MADE[platform]:
        content = b"\xef\xbb\xbf" + json.dumps(payload, ensure_ascii=False).encode()
        try:
            assert decode(platform, content, PAGES[platform]) == decode(platform, payload, PAGES[platform])
        except NotThisPlatform as error:
            assert "expected" in str(error)


@platforms
def test_half_of_a_surrogate_pair_reaches_no_event(platform: str) -> None:
    for payload in MADE[platform]:
        content = json.dumps(payload, ensure_ascii=True).replace("?", "\\ud83d?").encode()
        try:
            events = decode(platform, content, PAGES[platform])
        except NotThisPlatform:
            continue
        assert check(events)[1] == 0


@platforms
def test_thousands_of_mutated_payloads_are_no_error(
    platform: str, record_property: Callable[[str, object], None]
) -> None:
    outcome = fuzz(platform, DECODERS[platform], RUNS, Random(20_260_302))
    record_property("outcome", f"{outcome.comments} comments, {outcome.skipped.total()} skipped")
    assert outcome.faults == {}, outcome.example
    assert outcome.payloads == RUNS
    # The mutations leave enough alone to reach what decodes comments.
    assert outcome.comments > RUNS // 20


@pytest.mark.parametrize("payload", [[], {}, "x"])
def test_a_mutation_depends_on_its_payload_and_its_seed_alone(payload: object) -> None:
    # What was drawn for one mutation and then mutated on must not be another in the next.
    first, second = ([mutated(payload, Random(seed)) for seed in range(1_000)] for _ in range(2))
    assert first == second


@platforms
@settings(max_examples=150)
@given(data=st.data())
def test_any_mutation_is_no_error(platform: str, data: st.DataObject) -> None:
    payload = data.draw(mutations(platform))
    page = data.draw(st.none() | st.just(PAGES[platform]) | st.text(max_size=5))
    try:
        events = DECODERS[platform](payload, page)
    except NotThisPlatform:
        return
    check(events)


@platforms
@settings(max_examples=150)
@given(payload=st.binary(max_size=300))
def test_any_bytes_are_no_error(platform: str, payload: bytes) -> None:
    try:
        check(DECODERS[platform](payload, None))
    except NotThisPlatform as error:
        assert "\n" not in str(error)
