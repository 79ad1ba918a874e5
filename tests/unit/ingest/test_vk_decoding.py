"""VK's payloads: the recorded ones, made ones of every kind, and damaged ones."""

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

RECORDED = Path("/work/shared/platforms/payloads")
FILES = sorted((RECORDED / "vk").glob("*.json"))
GROUP = 1234
recorded = pytest.mark.skipif(not FILES, reason="the recorded payloads are not here")

FOUND: dict[str, list[str]] = {
    "fixture_custom_unknown_event": ["unknown type"],
    "fixture_type_only": ["wall_reply_new without an object"],
    "fixture_wall_reply_new_v5199_secret": ["created wall:-456:7:12 wall-456_7 - person 123 1785571200"],
    "real_board_post_delete_object": ["event without a type"],
    "real_board_post_new_object": [
        "created board:-62974276:40293628:5083 topic-62974276_40293628 - person 320045059 1735905232"
    ],
    "real_like_add": ["like_add"],
    "real_newsfeed_reply_2021": [
        "created wall:-46936573:2010417:2010447 wall-46936573_2010417 - person 218095061 1633708742"
    ],
    "real_wall_getcomments_thread_2023": [
        "created wall:-221060815:1:2 wall-221060815_1 - person 138826793 1686389593",
        "created wall:-221060815:1:3 wall-221060815_1 wall:-221060815:1:2 person 138826793 1686506825",
        "created wall:-221060815:1:4 wall-221060815_1 - person 138826793 1686514570",
        "created wall:-221060815:1:5 wall-221060815_1 - person 196222841 1686515608",
    ],
    "vknet_api_groups_getlongpollsettings": ["answer without comments"],
    "vknet_api_video_getcomments_withlikes": ["comment without its post"] * 2,
    "vknet_api_wall_getcomments802": [
        "created wall:-69459624:482121:482124 wall-69459624_482121 - person 287979664 1553180396",
        "deleted wall:-69459624:482121:482127 wall-69459624_482121 - person - 1553180629",
        "created wall:-69459624:482121:482418 wall-69459624_482121 - person 197900038 1553231537",
    ],
    "vknet_api_wall_getcomments_returnlikesandattachments": ["comment without its post"] * 2,
    "vknet_longpoll_board_post_delete": ["deleted board:-1234:6:3 topic-1234_6 - person - -"],
    "vknet_longpoll_board_post_edit": [
        "edited board:-1234:38446232:2 topic-1234_38446232 - page -1234 1533404708",
    ],
    "vknet_longpoll_board_post_new_first": ["created board:-1234:6:2 topic-1234_6 - page -1234 1533404708"],
    "vknet_longpoll_board_post_restore": [
        "restored board:-1234:38446232:3 topic-1234_38446232 - person - 1533404752",
    ],
    "vknet_longpoll_failed1_ts": ["long poll failed 1"],
    "vknet_longpoll_market_comment_new": [
        "created market:-1234:1686058:1 market-1234_1686058 - person 123 1533405772",
    ],
    "vknet_longpoll_market_comment_restore": [
        "restored market:-1234:1686058:1 market-1234_1686058 - person - 1533405772",
    ],
    "vknet_longpoll_message_edit": ["message_edit"],
    "vknet_longpoll_photo_comment_delete": ["deleted photo:-1234:123456:4 photo-1234_123456 - person - -"],
    "vknet_longpoll_photo_comment_new": ["created photo:-1234:123456:4 photo-1234_123456 - person 123 1533399764"],
    "vknet_longpoll_user_block": ["user_block"],
    "vknet_longpoll_user_block_temporary": ["user_block"],
    "vknet_longpoll_video_comment_delete": ["deleted video:-1234:123456:4 video-1234_123456 - person - -"],
    "vknet_longpoll_video_comment_restore": ["restored video:-1234:4444:1 video-1234_4444 - person - 1533402417"],
    "vknet_longpoll_wall_reply_delete": ["deleted wall:-1234:6:9 wall-1234_6 - person - -"],
    "vknet_longpoll_wall_reply_edit": ["edited wall:-1234:6:9 wall-1234_6 - person 123 1533403427"],
    "vknet_longpoll_wall_reply_new": ["created wall:-1234:6:9 wall-1234_6 - person 123 1533403427"],
    "vknet_longpoll_wall_reply_restore": ["restored wall:-1234:6:9 wall-1234_6 - person - 1533403427"],
    "vkwave_group_change_settings": ["group_change_settings"],
    "vkwave_message_allow": ["message_allow"],
    "vkwave_message_typing_state": ["message_typing_state"],
    "vkwave_photo_comment_delete": ["deleted photo:-191949777:457239017:1 photo-191949777_457239017 - person - -"],
    "vkwave_photo_new": ["photo_new"],
    "vkwave_poll_vote_new": ["poll_vote_new"],
    "vkwave_user_unblock": ["user_unblock"],
}


def line(received: Received) -> str:
    if received.skipped is not None:
        return received.skipped
    found = received.submission
    assert found is not None
    time = "-" if found.posted_at is None else int(found.posted_at.timestamp())
    return " ".join(
        str(part)
        for part in (
            found.event,
            found.id,
            found.post,
            found.parent or "-",
            found.author_kind,
            found.author or "-",
            time,
        )
    )


@recorded
def test_the_table_names_every_recorded_payload() -> None:
    assert {path.stem for path in FILES} == set(FOUND)


@recorded
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_recorded_payload_becomes_events_or_a_named_skip(path: Path) -> None:
    found = decode(path.read_bytes())
    assert [line(each) for each in found] == FOUND[path.stem]
    for each in found:
        sound(each)
        if each.submission is not None:
            # A page is what its posts belong to, and the text is there.
            assert each.submission.page == f"vk:{each.submission.id.split(':')[1]}"
            assert bool(each.submission.text) == (each.submission.event in ("created", "edited"))


@recorded
@pytest.mark.parametrize("path", sorted(RECORDED.glob("[!v]*/*.json")), ids=lambda path: path.stem)
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
    places = {"post_id": 6, "photo_id": 6, "video_id": 6, "item_id": 6, "topic_id": 6}
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
SAMPLES = [path.read_bytes() for path in FILES] or [event(), event("photo_comment_edit", photo_id=3)]


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
