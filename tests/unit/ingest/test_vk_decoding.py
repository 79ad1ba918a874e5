"""VK's payloads: made ones of every kind, and damaged ones; connectors/test_recordings has the recorded ones."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.ingest.connectors.received import MAX_REASON, NotThisPlatform, Received
from services.ingest.connectors.vk.decoding import COMMENT_EVENTS, decode
from services.ingest.connectors.vk.text import readable, replied_to
from services.ingest.submission import Entry, Submission, to_entry
from tests.fixtures.recordings import ABSENT, recorded

GROUP = 1234
SAMPLED = recorded("vk")
OTHERS = [path for platform in ("max", "ok", "telegram") for path in recorded(platform)]


@pytest.mark.skipif(not OTHERS, reason=ABSENT)
@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_other_platforms_payloads_are_none_of_vks(path: Path) -> None:
    with pytest.raises(NotThisPlatform, match=r"^not a payload of VK: [^\n]+$"):
        decode(path.read_bytes())


def event(kind: str = "wall_reply_new", *, envelope: dict[str, Any] | None = None, **changes: Any) -> bytes:
    content = {"id": 9, "from_id": 77, "date": 1_700_000_000, "text": "Где вода?", "post_id": 6, "owner_id": -GROUP}
    fields = {"type": kind, "group_id": GROUP, "event_id": "e1", "v": "5.199", "object": content | changes}
    return json.dumps(fields | (envelope or {})).encode()


def one(payload: bytes, page: str | None = None) -> Submission:
    (found,) = decode(payload, page)
    assert found.submission is not None, found.skipped
    return found.submission


def sound(received: Received) -> None:
    """Exactly one thing, and what is a comment is fit to be stored."""
    given = [received.submission, received.copy, received.moved, received.skipped]
    assert sum(each is not None for each in given) == 1
    if received.skipped is not None:
        assert 0 < len(received.skipped) <= MAX_REASON
    if received.submission is not None:
        msgspec.convert(msgspec.to_builtins(received.submission), Submission)
        entry = to_entry(received.submission, author_key=b"k", received_at=datetime.now(UTC), trace="")
        assert isinstance(entry, Entry), entry


@pytest.mark.parametrize(("kind", "means"), COMMENT_EVENTS.items())
def test_every_comment_event_is_known(kind: str, means: tuple[str, str]) -> None:
    places: dict[str, Any] = {"post_id": 6, "photo_id": 6, "video_id": 6, "item_id": 6, "topic_id": 6}
    found = one(event(kind, **places))
    assert (found.event, found.id, found.page) == (means[1], f"{means[0]}:-{GROUP}:6:9", f"vk:-{GROUP}")


def test_what_is_repeated_is_known_by_its_key() -> None:
    (found,) = decode(event())
    assert found.key == f"{GROUP}:e1"
    assert decode(event(envelope={"event_id": None}))[0].key is None


@pytest.mark.parametrize(
    ("author", "kind"),
    [(77, "person"), (-GROUP, "page"), (-5, "community"), (None, "person"), ("x", "person"), (0, "person")],
)
def test_authors_are_persons_the_page_or_other_communities(author: object, kind: str) -> None:
    assert one(event(from_id=author)).author_kind == kind


@pytest.mark.parametrize(
    ("changes", "parent"),
    [
        ({}, None),
        ({"parents_stack": [2]}, 2),
        ({"parents_stack": [2], "reply_to_comment": 3}, 3),
        ({"reply_to_comment": 9}, None),
        ({"parents_stack": "x", "reply_to_comment": []}, None),
        ({"text": "[id1:bp-1234_4|Имя], да"}, None),
    ],
)
def test_the_parent_is_the_comment_replied_to(changes: dict[str, Any], parent: int | None) -> None:
    assert one(event(**changes)).parent == (parent and f"wall:-{GROUP}:6:{parent}")


def test_topics_name_the_comment_replied_to_in_their_text() -> None:
    found = one(event("board_post_new", topic_id=6, text="[id1:bp-1234_4|Имя], да"))
    assert (found.parent, found.text) == (f"board:-{GROUP}:6:4", "Имя, да")


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("[id123|Имя], спасибо", "Имя, спасибо"),
        ("[club1|Школа] и [public2|Дом] и [event3|День]", "Школа и Дом и День"),
        ("[id|Имя]", "Имя"),
        ("[id1:bp-2_3|Имя], да", "Имя, да"),
        ("[https://vk.com/a|здесь]", "здесь (https://vk.com/a)"),
        ("а<br>б<BR/>в<br />г", "а\nб\nв\nг"),
        ("1 &lt; 2 &amp; 3 &quot;x&quot; &amp;lt;", '1 < 2 & 3 "x" &lt;'),
        ("[1] и [ид|х] и [id1|]", "[1] и [ид|х] и [id1|]"),
        ("[id1|[id2|Имя]]", "[id1|Имя]"),
    ],
)
def test_texts_read_as_on_the_site(text: str, reads: str) -> None:
    assert readable(text) == reads


def test_reading_a_text_takes_no_longer_than_its_length() -> None:
    for piece in ("[id1|", "[id1:bp-1_1", "[https://a|", "<br", "[id11111111111111111111"):
        readable(piece * 200_000)
        replied_to(piece * 200_000)


def test_attachments_have_their_kind_and_an_address_that_stays() -> None:
    photo = {"type": "photo", "photo": {"id": 3, "owner_id": 77, "sizes": [{"url": "https://sun.example/x?sign=1"}]}}
    link = {"type": "link", "link": {"url": "https://example.org/"}}
    odd = [{"type": "hologram"}, {"type": "photo"}, 7, {"type": "link", "link": {"url": "javascript:1"}}]
    voice, sticker = {"type": "audio_message", "audio_message": {"id": 1, "owner_id": 2}}, {"type": "sticker"}
    found = one(event(text="", attachments=[photo, link, *odd, voice, sticker]))
    assert [(each.kind, each.url) for each in found.attachments] == [
        ("photo", "https://vk.com/photo77_3"),
        ("link", "https://example.org/"),
        ("other", None),
        ("photo", None),
        ("other", None),
        ("link", None),
        ("voice", None),
        ("sticker", None),
    ]
    assert len(one(event(attachments=[photo] * 50)).attachments) == 20


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (event(text=" "), "comment without content"),
        (event(id=0), "wall_reply_new without ids"),
        (event(post_id="x"), "wall_reply_new without ids"),
        (event(envelope={"object": [1]}), "wall_reply_new without an object"),
        (event("secret words"), "unknown type"),
        (b'{"ts":"5","updates":[]}', "no updates"),
        (b'{"ts":"5","updates":[7]}', "unreadable update"),
        (b'{"failed":99}', "long poll failed"),
        (b'{"error":{"error_code":5,"error_msg":"x"}}', "answer with an error"),
        (b'{"response":1}', "answer without comments"),
    ],
)
def test_what_is_no_comment_is_skipped_by_name(payload: bytes, reason: str) -> None:
    assert [each.skipped for each in decode(payload)] == [reason]


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"7", b"null", b'"x"', b"{}", b'{"a":1}', b"\xff", b"[" * 100_000, b'{"a":' * 100_000],
)
def test_what_is_nothing_of_vks_is_told_in_one_line(payload: bytes) -> None:
    with pytest.raises(NotThisPlatform, match=r"^not a payload of VK: [^\n]+$"):
        decode(payload)


def test_an_answer_to_a_long_poll_is_its_events_in_order() -> None:
    updates = [json.loads(event(id=number)) for number in (3, 1, 2)]
    found = decode(json.dumps({"ts": "9", "updates": updates}).encode())
    assert [each.submission and each.submission.id[-1] for each in found] == ["3", "1", "2"]


def test_half_a_surrogate_pair_is_no_reason_to_lose_a_comment() -> None:
    payload = event(text="?").replace(b'"?"', rb'"\ud83d!"')
    assert one(payload).text == "\ufffd!"


@pytest.mark.parametrize("date", [-1, 0, 10**12, 2**70, "1700000000", None, 1.5, True, []])
def test_a_wrong_time_does_not_lose_a_comment(date: object) -> None:
    found = one(event(date=date))
    assert found.posted_at is None or found.posted_at.year == 2023


def test_the_page_of_the_source_stands_in_where_the_payload_names_none() -> None:
    payload = json.dumps({"type": "wall_reply_delete", "object": {"id": 9, "post_id": 6}}).encode()
    assert decode(payload)[0].skipped == "wall_reply_delete without ids"
    assert one(payload, "vk:-5").id == "wall:-5:6:9"


_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.just([])
    | st.just({})
    | st.just([[]])
    | st.sampled_from([2**63, 2**64, -(2**63), 10**400, "9" * 30, "-1", "remove", "١٢"])
)
SAMPLES = [path.read_bytes() for path in SAMPLED] or [event(), event("photo_comment_edit", photo_id=3)]


@settings(max_examples=400, deadline=None)
@example(payload=event(), seed=0, value=10**400)
@given(payload=st.sampled_from(SAMPLES), seed=st.integers(0, 10_000), value=_VALUES)
def test_a_payload_with_any_one_value_changed_is_read_or_refused(payload: bytes, seed: int, value: Any) -> None:
    tree = json.loads(payload)
    holders: list[Any] = []
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list) and each:
            holders.append(each)
            waiting += each.values() if isinstance(each, dict) else each
    chance = random.Random(seed)
    holder = chance.choice(holders)
    holder[chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))] = value
    whatever(json.dumps(tree).encode())


@settings(max_examples=400, deadline=None)
@given(payload=st.sampled_from(SAMPLES), seed=st.integers(0, 1_000_000))
def test_a_payload_with_any_bytes_damaged_is_read_or_refused(payload: bytes, seed: int) -> None:
    chance = random.Random(seed)
    damaged = bytearray(payload)
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(damaged))
        damaged[start : start + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 3))
    whatever(bytes(damaged))


@given(payload=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    whatever(payload)


def whatever(payload: bytes) -> None:
    try:
        found = decode(payload)
    except NotThisPlatform:
        return
    assert found
    for each in found:
        sound(each)


def test_the_owner_says_which_page_it_is_whoever_tells() -> None:
    """Whoever knows one source's secret could else edit and delete another page's comments."""
    told = json.loads(event(owner_id=-2))
    answers = [{"response": {"items": [told["object"]]}}, {"items": [told["object"]]}, told]
    for payload in (*answers, told | {"type": "wall_reply_delete"}):
        found = one(json.dumps(payload).encode(), f"vk:-{GROUP}")
        assert (found.page, found.id) == ("vk:-2", "wall:-2:6:9")
