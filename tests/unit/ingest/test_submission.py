"""What a submission becomes, and what is refused, in which words."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.reading import RIGHT, explain, mend_surrogates, read_array, read_one
from services.ingest.submission import (
    AUTHOR_BYTES,
    Entry,
    Refusal,
    Submission,
    author_hash,
    to_entry,
)
from shared.errors import Invalid, TooLarge
from shared.events import (
    MAX_EVENT_BYTES,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    CommentRestored,
    decode,
    encode,
    subject_of,
)

KEY = b"a key of the tests, no secret"
NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
ITEM: dict[str, Any] = {
    "platform": "http",
    "page": "http:demo",
    "id": "a1",
    "post": "p1",
    "parent": None,
    "author": "u1",
    "text": "Когда включат воду?",
    "posted_at": "2026-01-01T10:00:00+03:00",
}


def take(item: object) -> Entry | Refusal:
    read = read_one(msgspec.json.encode(item))
    return read if isinstance(read, Refusal) else to_entry(read, author_key=KEY, received_at=NOW, trace="t-0")


def taken(**changes: object) -> Entry:
    entry = take(ITEM | changes)
    assert isinstance(entry, Entry), entry
    return entry


def refused(**changes: object) -> str:
    refusal = take(ITEM | changes)
    assert isinstance(refusal, Refusal)
    return refusal.error


def test_a_full_item_becomes_its_event() -> None:
    event = taken().event
    assert event == CommentCreated(
        id="http:demo:a1",
        platform="http",
        page="http:demo",
        post="p1",
        received_at=NOW,
        posted_at=datetime(2026, 1, 1, 7, 0, tzinfo=UTC),
        trace="t-0",
        author=author_hash(KEY, "http:demo", "u1"),
        text="Когда включат воду?",
    )


def test_the_least_item_is_enough() -> None:
    entry = take({"platform": "http", "page": "http:demo", "id": "1", "text": "а"})
    assert isinstance(entry, Entry)
    assert isinstance(entry.event, CommentCreated)
    assert entry.event.author is None
    assert entry.event.posted_at is None


@pytest.mark.parametrize(
    ("platform", "page", "local", "full"),
    [
        ("http", "http:demo", "a1", "http:demo:a1"),
        ("vk", "vk:-123", "wall:-123:45:678", "vk:wall:-123:45:678"),
        ("telegram", "telegram:-100123", "-100123:678", "telegram:-100123:678"),
        ("ok", "ok:5", "7:8", "ok:7:8"),
        ("max", "max:9", "mid", "max:mid"),
    ],
)
def test_ids_are_full_ids(platform: str, page: str, local: str, full: str) -> None:
    event = taken(platform=platform, page=page, id=local, parent=local).event
    assert isinstance(event, CommentCreated)
    assert (event.id, event.parent) == (full, full)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("created", CommentCreated),
        ("edited", CommentEdited),
        ("deleted", CommentDeleted),
        ("restored", CommentRestored),
    ],
)
def test_each_kind_has_its_event(event: str, kind: type) -> None:
    assert type(taken(event=event).event) is kind


@pytest.mark.parametrize("event", ["deleted", "restored"])
@pytest.mark.parametrize("text", [None, "", "было"])
def test_what_vanishes_or_returns_needs_no_text(event: str, text: str | None) -> None:
    assert taken(event=event, text=text).digest == taken(event=event).digest


@pytest.mark.parametrize("event", ["created", "edited"])
@pytest.mark.parametrize("text", [None, "", " \n\t\u00a0"])
def test_blank_text_is_refused_unless_something_hangs_on_it(event: str, text: str | None) -> None:
    assert refused(event=event, text=text).startswith("text is empty")
    assert taken(event=event, text=text, attachments=[{"kind": "photo"}])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"platform": "facebook"}, "platform: must be one of vk, telegram, ok, max, http"),
        ({"page": "vk:demo"}, 'page: must start with the platform, as in "http:<page>"'),
        ({"page": "http:"}, "page: must start with the platform"),
        ({"page": "http:a:b"}, 'page: the source after "http:" must not contain another ":"'),
        ({"page": "http:две"}, "page: must be"),
        ({"id": ""}, "id: must be"),
        ({"id": "a b"}, "id: must be"),
        ({"id": "a\n"}, "id: must be"),
        ({"id": 5}, "id: must be the comment's own id as a string"),
        ({"id": "a" * 201}, "id: must be"),
        ({"id": "a" * 191}, "at most 200 characters"),
        ({"parent": "a" * 191}, "at most 200 characters"),
        ({"post": "п"}, "post: must be"),
        ({"parent": ["a"]}, "parent: must be"),
        ({"author": ""}, "author: must be"),
        ({"author": 1}, "author: must be"),
        ({"author_kind": "bot"}, "author_kind: must be one of person, page, community"),
        ({"event": "liked"}, "event: must be one of created, edited, deleted, restored"),
        ({"text": 5}, "text: must be a string"),
        ({"text": "а" * 65_537}, "text: must be a string of at most 65536 characters"),
        ({"attachments": {}}, "attachments: must be a list"),
        ({"attachments": [{"kind": "photo"}] * 21}, "attachments: must be a list of at most 20"),
        ({"attachments": [{"kind": "cake"}]}, "attachments: must be"),
        ({"attachments": [{"kind": "photo", "size": 1}]}, "attachments: must be"),
        ({"posted_at": "2026-01-01T10:00:00"}, "posted_at: has no time zone; must be null or a moment"),
        ({"posted_at": "yesterday"}, "posted_at: must be null or a moment"),
        ({"posted_at": "0001-01-01T00:00:00+14:00"}, "posted_at: the year must lie between 1970 and 2099"),
        ({"posted_at": "9999-12-31T23:59:59-12:00"}, "posted_at: the year must lie between 1970 and 2099"),
        ({"likes": 1}, "unknown field likes; known are platform, page, id"),
    ],
)
def test_refusals_name_the_field_and_what_is_right(changes: dict[str, object], words: str) -> None:
    assert words in refused(**changes)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    error = refused(platform="x", text=1, posted_at=2, colour="red")
    for word in ("platform: ", "text: ", "posted_at: ", "unknown field colour"):
        assert word in error


@pytest.mark.parametrize("name", ["platform", "page", "id"])
def test_a_missing_field_is_named(name: str) -> None:
    item = {key: value for key, value in ITEM.items() if key != name}
    refusal = take(item)
    assert isinstance(refusal, Refusal)
    assert refusal.error.startswith(f"{name}: missing; must be {RIGHT[name]}")


def test_a_refusal_never_quotes_the_text() -> None:
    assert "секрет" not in refused(text="секрет" * 20_000)
    assert "секрет" not in explain('{"text": "секрет'.encode())


def test_every_field_has_its_words() -> None:
    assert set(RIGHT) == {field.name for field in msgspec.structs.fields(Submission)}


def test_text_at_its_limit_is_taken_in_every_script() -> None:
    for letter in ("a", "я", "\U0001f600"):
        event = taken(text=letter * 65_536).event
        assert len(encode(event)) <= MAX_EVENT_BYTES


def test_an_event_over_the_streams_limit_is_refused() -> None:
    # A control character takes six bytes in JSON.
    url = "\x01" * 2_048
    heavy = {"text": "\x01" * 65_536, "attachments": [{"kind": "link", "url": url}] * 20}
    assert "exceed" in refused(**heavy)
    assert taken(text="\x01" * 65_536)


@given(st.text(alphabet=st.sampled_from('\x01\x1f\n"\\я\U0001f600a'), max_size=3_000), st.integers(0, 20))
def test_no_event_that_is_taken_is_over_the_limit(text: str, attachments: int) -> None:
    entry = take(ITEM | {"text": text * 20, "attachments": [{"kind": "link", "url": text[:2_048]}] * attachments})
    if isinstance(entry, Entry):
        assert len(encode(entry.event)) <= MAX_EVENT_BYTES
        assert len(encode(entry.event)) <= 6 * entry.weight


def test_nul_becomes_a_replacement_character() -> None:
    event = taken(text="а\0б", attachments=[{"kind": "link", "url": "x\0y"}]).event
    assert isinstance(event, CommentCreated)
    assert event.text == "а\ufffdб"
    assert event.attachments[0].url == "x\ufffdy"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (rb"a\ud800", "a\ufffd"),
        (rb"\udc00b", "\ufffdb"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud800\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\\ude00", "\ufffd\\ude00"),
        (rb"\\ud800 \uD800", "\\ud800 \ufffd"),
        (rb"\\\ud800", "\\\ufffd"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character(sent: bytes, stored: str) -> None:
    raw = b'{"platform":"http","page":"http:demo","id":"1","text":"' + sent + b'"}'
    for found in (read_one(raw), read_array(b"[" + raw + b"]")[0]):
        assert isinstance(found, Submission)
        assert found.text == stored


@given(st.text().map(msgspec.json.encode))
def test_sound_json_is_not_touched_by_mending(body: bytes) -> None:
    assert mend_surrogates(body) == body


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    raw = '{"platform":"http","page":"http:demo","id":"1","text":"вода"}'.encode("windows-1251")
    found = read_one(raw)
    assert isinstance(found, Refusal)
    assert found.error == "not UTF-8 at byte 56; send it in UTF-8"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "ends in the middle"),
        (b'{"text": "', "ends in the middle"),
        (b"{'a': 1}", "at byte 2"),
        (b"{}\n{}", "trailing characters at line 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, "number in it is too large"),
        (b"null", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
    ],
)
def test_what_is_no_object_is_refused(raw: bytes, words: str) -> None:
    found = read_one(raw)
    assert isinstance(found, Refusal)
    assert words in found.error


def test_an_arrays_items_are_judged_singly() -> None:
    good = msgspec.json.encode(ITEM)
    found = read_array(b"[" + good + b', {"id": "\xff"}, 5, ' + good + b"]")
    assert [isinstance(item, Submission) for item in found] == [True, False, False, True]


def test_an_array_that_is_no_json_is_refused_whole_with_the_place() -> None:
    with pytest.raises(Invalid, match=r"the body is not JSON: .* at line 2, byte 3"):
        read_array(b'[{"a": 1},\n  x]')


@pytest.mark.parametrize("item", [b"0", msgspec.json.encode(ITEM)])
def test_an_array_has_a_limit(item: bytes) -> None:
    assert len(read_array(b"[" + b",".join([item] * 1_000) + b"]")) == 1_000
    with pytest.raises(TooLarge, match="more than 1000 items"):
        read_array(b"[" + b",".join([item] * 1_001) + b"]")


def test_the_author_is_stored_as_a_keyed_hash() -> None:
    event = taken().event
    assert isinstance(event, CommentCreated)
    assert event.author is not None
    assert len(event.author) == -(-AUTHOR_BYTES * 8 // 6)
    assert event.author != author_hash(b"another key, as long as that", "http:demo", "u1")
    assert b"u1" not in encode(event).replace(event.author.encode(), b"")


def test_two_sources_authors_of_one_name_stay_two_and_a_platforms_author_one() -> None:
    def author(**changes: object) -> str | None:
        event = taken(**changes).event
        assert isinstance(event, CommentCreated)
        return event.author

    assert author(page="http:a") != author(page="http:b")
    assert author(platform="vk", page="vk:-1") == author(platform="vk", page="vk:-2")


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "другое"},
        {"event": "edited"},
        {"post": "p2"},
        {"parent": "a0"},
        {"author_kind": "page"},
        {"attachments": [{"kind": "photo"}]},
    ],
)
def test_the_digest_tells_contents_apart(changes: dict[str, object]) -> None:
    assert taken(**changes).digest != taken().digest


def test_the_digest_does_not_look_at_times() -> None:
    assert taken(posted_at=None).digest == taken().digest


def test_the_digest_tells_attachments_apart() -> None:
    several = [
        taken(attachments=attachments).digest
        for attachments in (
            [{"kind": "photo"}],
            [{"kind": "photo", "url": ""}],
            [{"kind": "photo", "url": "a"}],
            [{"kind": "video", "url": "a"}],
            [{"kind": "photo"}, {"kind": "photo"}],
        )
    ]
    assert len(set(several)) == len(several)


# Anything at all -------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_IDS = st.text(alphabet=string.ascii_letters + string.digits + "._:=+/- \n", max_size=12)
_NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "platform": st.sampled_from(["http", "vk", "ok", "x"]) | _JSON,
        "page": _IDS.map("http:{}".format) | _IDS | _JSON,
        "id": _IDS | _JSON,
        "event": st.sampled_from(["created", "edited", "deleted", "restored", "x"]) | _JSON,
        "post": _IDS | _JSON,
        "parent": _IDS | _JSON,
        "author": st.text() | _JSON,
        "author_kind": st.sampled_from(["person", "page", "community"]) | _JSON,
        "text": st.text() | _JSON,
        "attachments": st.lists(st.fixed_dictionaries({"kind": st.just("photo"), "url": st.text()})) | _JSON,
        "posted_at": st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()) | _JSON,
        "extra": _JSON,
    },
)


@given(
    _JSON | _NEARLY | st.fixed_dictionaries({key: st.just(value) for key, value in ITEM.items()} | {"text": st.text()})
)
def test_any_json_becomes_an_event_or_an_error(value: object) -> None:
    result = take(value)
    if isinstance(result, Refusal):
        assert result.error
    else:
        # What is taken is what every reader of the stream accepts.
        assert decode(subject_of(result.event), encode(result.event)) == result.event


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_become_a_submission_or_an_error(raw: bytes) -> None:
    assert isinstance(read_one(raw), Submission | Refusal)
