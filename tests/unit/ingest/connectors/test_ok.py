"""Odnoklassniki: what is read, in which order, what is believed, and what is found to be gone."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Forged
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.ok.calls import Calls, signature
from services.ingest.connectors.ok.cursor import MAX_CURSOR, Mark, Round, Sweep, begin_round, read_cursor
from services.ingest.connectors.ok.decoding import decode
from services.ingest.connectors.ok.topics import DAYS, MAX_TOPICS, Topic
from services.ingest.connectors.received import NotThisPlatform
from shared.events import Action
from tests.unit.ingest.connectors.ok_rig import GROUP, NOW, PAGE, OkRig, source

TOPIC = "62503929662320"
LOCAL = base64.b64encode(f"1397206382471:-1:1397206382471:{TOPIC}:1".encode()).decode()


@pytest.fixture
def rig() -> OkRig:
    return OkRig()


def one(entry: dict[str, object], page: str | None = PAGE, **around: object) -> object:
    (event,) = decode(json.dumps({"comments": [entry], **around}).encode(), page)
    return event.submission if event.submission is not None else event.skipped


def field(entry: dict[str, object], name: str, **around: Any) -> object:
    found = one({"id": LOCAL, "text": "Вода?"} | entry, **around)
    return getattr(found, name)


# Decoding.


def test_a_comment_names_topic_parent_author_and_moscow_time() -> None:
    found = one(
        {"id": LOCAL, "text": "Вода?", "date": "2026-01-02 03:04:05", "author_id": "7", "reply_to_comment_id": "MTo="},
        discussionId=TOPIC,
    )
    assert getattr(found, "id", None) == f"{TOPIC}:{LOCAL}"
    assert getattr(found, "post", None) == TOPIC
    assert getattr(found, "parent", None) == f"{TOPIC}:MTo="
    assert getattr(found, "author", None) == "7"
    assert getattr(found, "posted_at", None) == datetime(2026, 1, 2, 0, 4, 5, tzinfo=UTC)


def test_before_october_2014_moscow_was_an_hour_further() -> None:
    assert field({"date": "2014-04-11 12:53:02"}, "posted_at") == datetime(2014, 4, 11, 8, 53, 2, tzinfo=UTC)


@pytest.mark.parametrize("date", [None, "", "yesterday", "0001-01-01 00:00:00", "9999-12-31 23:59:59", 5, ["x"]])
def test_without_a_date_the_id_says_the_time_and_the_topic(date: object) -> None:
    assert field({"date": date}, "posted_at") == datetime(2014, 4, 11, 8, 53, 2, 471_000, tzinfo=UTC)
    assert field({"date": date}, "post") == TOPIC


@pytest.mark.parametrize(
    ("entry", "around", "kind"),
    [
        ({"author_id": "7"}, {}, "person"),
        ({"author_id": GROUP}, {}, "page"),
        ({"author_ref": f"group:{GROUP}"}, {}, "page"),
        ({"author_id": int(GROUP)}, {}, "page"),
        ({"author_id": "8", "author_type": "GROUP"}, {}, "community"),
        ({"author_ref": "group:8"}, {}, "community"),
        ({"author_id": "8"}, {"entities": {"groups": [{"uid": "8"}]}}, "community"),
        ({}, {}, "person"),
        ({"author_id": {"x": 1}}, {"entities": {"groups": "none"}}, "person"),
    ],
)
def test_the_author_may_be_a_group(entry: dict[str, object], around: dict[str, object], kind: str) -> None:
    assert field(entry, "author_kind", **around) == kind


def test_attachments_are_kinds() -> None:
    kinds = [{"type": "PHOTO"}, {"type": "movie"}, {"type": "NEVER_SEEN"}, {}, "x"]
    found = field({"attachments": kinds}, "attachments")
    assert [it.kind for it in found] == ["photo", "video", "other", "other"]  # type: ignore[attr-defined]  # attachments


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"webhookType": "CONFIRMATION"}, "webhook confirmation"),
        ({"webhookType": "SOMETHING"}, "webhook"),
        ({"sender": {}, "message": {"text": "x"}}, "direct message"),
        ({"discussion": {"object_id": "1"}}, "discussion"),
        ({"topics": []}, "list of topics"),
        ({"error_code": 300}, "error answer"),
        ({"comments": []}, "no comments"),
        ([], "nothing in it"),
        ({"comments": [{"id": "a b"}]}, "comment without a usable id"),
        ({"comments": [{"id": "x" * 121}]}, "comment without a usable id"),
        ({"comments": [{"text": "x"}]}, "comment without a usable id"),
        ({"comments": [{"id": "abc"}]}, "comment without a topic"),
    ],
)
def test_what_is_no_comment_is_named(payload: object, reason: str) -> None:
    assert [event.skipped for event in decode(json.dumps(payload).encode(), PAGE)] == [reason]


@pytest.mark.parametrize("page", [None, "", "vk:-1", "ok:", "ok:a b"])
def test_a_comment_of_an_unknown_group_is_named(page: str | None) -> None:
    assert one({"id": LOCAL}, page) == "comment of an unknown group"


@pytest.mark.parametrize("payload", [b"", b"{", b"nonsense", b"5", b"null", b"{}", b"[5]", b"[" * 100_000, b"\xff\xfe"])
def test_what_is_nothing_of_the_platform_is_refused(payload: bytes) -> None:
    with pytest.raises(NotThisPlatform) as caught:
        decode(payload, PAGE)
    assert "\n" not in str(caught.value)


def test_half_a_surrogate_pair_is_no_reason_to_lose_a_comment() -> None:
    payload = b'{"comments":[{"id":"%s","text":"\\ud83d \xff"}]}' % LOCAL.encode()
    (event,) = decode(payload, PAGE)
    assert event.submission is not None
    event.submission.text.encode()  # type: ignore[union-attr]  # a comment has one


# Calls.


def test_the_signature_is_the_platforms() -> None:
    # MD5 of "a=1b=2" and MD5("tokensecret"), made by hand.
    import hashlib

    session = hashlib.md5(b"tokensecret").hexdigest()  # noqa: S324  # the platform's rule
    right = hashlib.md5(b"a=1b=2" + session.encode()).hexdigest()  # noqa: S324  # as above
    assert signature({"b": "2", "a": "1"}, access_token="token", application_secret="secret") == right


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (2, NotSent), (8, NotSent), (10, NotAllowed), (11, NotSent), (50, NotAllowed), (100, Refused),
        (101, BadCredential), (102, BadCredential), (103, BadCredential), (104, BadCredential), (141, Gone),
        (160, Gone), (200, NotAllowed), (300, Gone), (454, Refused), (456, NotAllowed), (9_999, Refused),
        (502, NotSent), (503, NotSent),
    ],
)  # fmt: skip
async def test_every_error_is_told_as_what_it_means(rig: OkRig, code: int, error: type[PlatformError]) -> None:
    rig.site.fail(code)
    with pytest.raises(error) as caught:
        await rig.connector.poll(rig.source, None)
    assert type(caught.value) is error
    assert str(code) in caught.value.detail
    assert "standin" not in caught.value.detail


async def test_a_limit_that_was_reached_keeps_all_calls_of_the_token_back(rig: OkRig) -> None:
    rig.site.fail(11)
    with pytest.raises(NotSent) as caught:
        await rig.connector.poll(rig.source, None)
    assert caught.value.retry_after == 60
    rig.slept.clear()
    await rig.connector.poll(rig.source, None)
    assert max(rig.slept) == pytest.approx(60, abs=1)


@pytest.mark.parametrize("secret", ["application_key", "application_secret", "access_token"])
async def test_a_wrong_or_missing_credential_is_a_bad_credential(rig: OkRig, secret: str) -> None:
    for value in ("wrong", None):
        with pytest.raises(BadCredential):
            await rig.connector.poll(source(**{secret: value}), None)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode), st.sampled_from([200, 200, 302, 400, 500]))
def test_any_answer_at_all_is_one_of_ours(body: bytes, status: int) -> None:
    async def ask() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
        calls = Calls(Caller(Gate(), transport=transport), source().secrets)
        try:
            await calls.call("discussions.getComments")
        except PlatformError as error:
            assert "standin" not in error.detail

    import asyncio

    asyncio.run(ask())


async def test_an_answer_of_html_is_unclear(rig: OkRig) -> None:
    caller = Caller(Gate(), transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"<html>")))
    with pytest.raises(Unclear):
        await Calls(caller, rig.source.secrets).call("group.getInfo")


# Polling.


async def test_polling_begins_now_and_then_tells_each_comment(rig: OkRig) -> None:
    topic = rig.site.topic(GROUP)
    rig.site.comment(topic, "раньше", at=NOW - timedelta(days=1))
    told, cursor = await rig.round(None)
    assert told == []
    first = rig.site.comment(topic, "Вода?")
    rig.site.comment(topic, "И у нас", reply_to=first)
    told, cursor = await rig.round(cursor)
    assert {(it.text, it.parent, it.post) for it in told} >= {
        ("Вода?", None, topic),
        ("И у нас", f"{topic}:{first}", topic),
    }
    assert all(it.page == PAGE and it.posted_at is not None for it in told)


async def test_a_new_topic_is_read_whole(rig: OkRig) -> None:
    _, cursor = await rig.round(None)
    topic = rig.site.topic(GROUP)
    for number in range(250):
        rig.site.comment(topic, str(number))
    told, _ = await rig.round(cursor)
    assert {it.text for it in told} == {str(number) for number in range(250)}


@pytest.mark.parametrize("old_first", [True, False])
async def test_pages_may_run_either_way(rig: OkRig, old_first: bool) -> None:
    rig.site.old_first = old_first
    topic = rig.site.topic(GROUP)
    for number in range(550):
        rig.site.comment(topic, str(number), at=NOW - timedelta(days=3) + timedelta(seconds=number))
    _, cursor = await rig.round(None)
    rig.site.comment(topic, "новое")
    before = len(rig.site.calls)
    told, _ = await rig.round(cursor)
    assert "новое" in {it.text for it in told}
    # From new to old, what is long known is not read again.
    assert (len(rig.site.calls) - before <= 3) is (not old_first)


async def test_no_more_is_not_believed_while_fewer_were_read_than_counted(rig: OkRig) -> None:
    _, cursor = await rig.round(None)
    rig.site.ends_early_after = 1
    topic = rig.site.topic(GROUP)
    for number in range(350):
        rig.site.comment(topic, str(number))
    told, _ = await rig.round(cursor)
    assert len(told) == 350


async def test_quiet_topics_are_left_alone_and_the_newest_are_read_all_the_same(rig: OkRig) -> None:
    topics = [rig.site.topic(GROUP, created=NOW - timedelta(hours=number)) for number in range(6)]
    _, cursor = await rig.round(None)
    rig.site.calls.clear()
    await rig.round(cursor)
    read = [sent["discussionId"] for method, sent in rig.site.calls if method == "discussions.getComments"]
    assert read == topics[:2]


async def test_statistics_that_lag_delay_only_older_topics(rig: OkRig) -> None:
    topics = [rig.site.topic(GROUP, created=NOW - timedelta(hours=number)) for number in range(4)]
    _, cursor = await rig.round(None)
    for topic in topics:
        rig.site.topics[topic].counted = 0
        rig.site.comment(topic, topic)
    told, cursor = await rig.round(cursor)
    assert {it.post for it in told} == set(topics[:2])
    rig.site.topics[topics[3]].counted = None
    told, _ = await rig.round(cursor)
    assert topics[3] in {it.post for it in told}


async def test_a_topic_that_is_gone_or_closed_stops_nothing(rig: OkRig) -> None:
    _, cursor = await rig.round(None)
    topics = [rig.site.topic(GROUP) for _ in range(3)]
    for topic in topics:
        rig.site.comment(topic, topic)
    rig.site.denied = {topics[0]}
    told, cursor = await rig.round(cursor)
    assert {it.post for it in told} == set(topics[1:])
    rig.site.denied = set(topics)
    with pytest.raises(NotAllowed):
        await rig.round(cursor)


async def test_a_failure_in_the_middle_of_a_round_loses_nothing(rig: OkRig) -> None:
    _, cursor = await rig.round(None)
    topics = [rig.site.topic(GROUP) for _ in range(3)]
    for topic in topics:
        rig.site.comment(topic, topic)
    first = await rig.connector.poll(rig.source, cursor)
    rig.site.fail(2)
    with pytest.raises(NotSent):
        await rig.connector.poll(rig.source, first.cursor)
    told, _ = await rig.round(first.cursor)
    assert len(told) == 2


async def test_a_group_of_many_topics_keeps_the_newest_in_a_cursor_that_fits(rig: OkRig) -> None:
    for number in range(300):
        rig.site.topic(GROUP, created=NOW - timedelta(hours=number))
    rig.site.topic(GROUP, created=NOW - timedelta(days=DAYS + 1))
    _, cursor = await rig.round(None)
    state = read_cursor(cursor, Round)
    assert state is not None
    assert len(state.marks) == MAX_TOPICS


@given(st.binary(max_size=200))
def test_a_cursor_of_any_bytes_is_read_or_counts_as_none(cursor: bytes) -> None:
    read_cursor(cursor, Round)
    read_cursor(cursor, Sweep)


def test_the_longest_cursors_fit() -> None:
    longest = tuple(Mark(topic="9" * 20, comments=10**15, newest=10**12) for _ in range(MAX_TOPICS))
    assert len(Round(marks=longest, todo=tuple(range(MAX_TOPICS))).encode()) <= MAX_CURSOR
    todo = tuple(("9" * 20, 10**15) for _ in range(MAX_TOPICS))
    assert len(Sweep(todo=todo, topic="9" * 20, gone=tuple("x" * 120 for _ in range(10))).encode()) <= MAX_CURSOR
    usual = tuple(("9" * 14, 12_345) for _ in range(MAX_TOPICS))
    sweep = Sweep(todo=usual, topic="9" * 14, gone=tuple("x" * 68 for _ in range(10)))
    assert read_cursor(sweep.encode(), Sweep) == sweep


def test_a_place_outside_of_the_marks_is_no_cursor() -> None:
    assert read_cursor(msgspec.json.encode({"marks": [["1", 1, 1]], "todo": [1]}), Round) is None


def test_counts_that_fall_are_a_change_too() -> None:
    before = begin_round(None, [Topic(id="1", comments=5, created=3), Topic(id="2"), Topic(id="3")], 0, 0)
    assert begin_round(before, [Topic(id="1", comments=4), Topic(id="3")], 0, 0).todo == (0,)


# Reading back.


async def test_reading_back_tells_all_of_the_last_days(rig: OkRig) -> None:
    old = rig.site.topic(GROUP, created=NOW - timedelta(days=DAYS + 1))
    rig.site.comment(old, "давно")
    for number in range(3):
        topic = rig.site.topic(GROUP)
        for comment in range(130):
            rig.site.comment(topic, f"{number}-{comment}")
    told = await rig.sweep()
    assert len(told) == 390
    assert "давно" not in {it.text for it in told}


async def test_a_group_without_topics_is_through_at_once(rig: OkRig) -> None:
    assert await rig.connector.backfill(rig.source, None) is None


async def test_a_comment_that_vanished_is_told_once_as_deleted(rig: OkRig) -> None:
    topic = rig.site.topic(GROUP)
    kept, lost = rig.site.comment(topic, "остаётся"), rig.site.comment(topic, "исчезает")
    assert {it.event for it in await rig.sweep()} == {"created"}
    rig.site.delete(topic, lost)
    told = await rig.sweep()
    assert [(it.event, it.id) for it in told if it.event == "deleted"] == [("deleted", f"{topic}:{lost}")]
    assert [it.id for it in told if it.event == "created"] == [f"{topic}:{kept}"]
    assert {it.event for it in await rig.sweep()} == {"created"}


async def test_a_deletion_is_told_again_where_the_cursor_was_lost(rig: OkRig) -> None:
    topic = rig.site.topic(GROUP)
    lost = rig.site.comment(topic, "исчезает")
    await rig.sweep()
    rig.site.delete(topic, lost)
    listed = await rig.connector.backfill(rig.source, None)
    assert listed is not None
    for _ in range(2):
        told = await rig.connector.backfill(rig.source, listed.cursor)
        assert told is not None
        assert [event.submission.event for event in told.events if event.submission] == ["deleted"]


async def test_what_a_list_leaves_out_is_not_deleted(rig: OkRig) -> None:
    topic = rig.site.topic(GROUP)
    hidden = rig.site.comment(topic, "здесь")
    await rig.sweep()
    rig.site.left_out = {hidden}
    told = await rig.sweep()
    assert [(it.event, it.text) for it in told] == [("created", "здесь")]


async def test_a_comment_that_polls_alone_have_seen_is_missed_too(rig: OkRig) -> None:
    _, cursor = await rig.round(None)
    topic = rig.site.topic(GROUP)
    lost = rig.site.comment(topic, "ненадолго")
    await rig.round(cursor)
    rig.site.delete(topic, lost)
    assert [it.event for it in await rig.sweep()] == ["deleted"]


async def test_many_deletions_are_told_over_several_rounds(rig: OkRig) -> None:
    topic = rig.site.topic(GROUP)
    comments = [rig.site.comment(topic, str(number)) for number in range(35)]
    await rig.sweep()
    for comment in comments:
        rig.site.delete(topic, comment)
    told = set()
    for _ in range(4):
        told |= {it.id for it in await rig.sweep() if it.event == "deleted"}
        rig.later(900)
    assert told == {f"{topic}:{comment}" for comment in comments}


async def test_a_topic_that_fails_is_left_for_the_next_time(rig: OkRig) -> None:
    topics = [rig.site.topic(GROUP) for _ in range(2)]
    for topic in topics:
        rig.site.comment(topic, topic)
    rig.site.denied = {topics[1]}
    assert [it.post for it in await rig.sweep()] == [topics[0]]


async def test_a_topic_that_was_deleted_takes_its_comments_with_it_once(rig: OkRig) -> None:
    topics = [rig.site.topic(GROUP) for _ in range(2)]
    comments = {f"{topics[0]}:{rig.site.comment(topics[0], str(number))}" for number in range(130)}
    rig.site.comment(topics[1], "остаётся")
    await rig.sweep()
    rig.site.delete_topic(topics[0])
    told = await rig.sweep()
    assert {it.id for it in told if it.event == "deleted"} == comments
    assert {it.event for it in await rig.sweep()} == {"created"}


async def test_a_topic_that_is_only_too_old_is_not_deleted(rig: OkRig) -> None:
    topic = rig.site.topic(GROUP)
    rig.site.comment(topic, "остаётся")
    await rig.sweep()
    rig.later(86_400 * (DAYS + 1))
    assert await rig.sweep() == []
    assert [method for method, _ in rig.site.calls].count("discussions.get") == 1


async def test_the_deletion_of_a_topic_is_told_again_where_the_cursor_was_lost(rig: OkRig) -> None:
    topic = rig.site.topic(GROUP)
    rig.site.comment(topic, "исчезает")
    await rig.sweep()
    rig.site.delete_topic(topic)
    listed = await rig.connector.backfill(rig.source, None)
    assert listed is not None
    for _ in range(2):
        told = await rig.connector.backfill(rig.source, listed.cursor)
        assert told is not None
        assert [event.submission.event for event in told.events if event.submission] == ["deleted"]


# Rights, actions, addresses.


async def test_rights_that_suffice(rig: OkRig) -> None:
    rig.site.topic(GROUP)
    rights = await rig.connector.test(rig.source)
    assert (rights.name, rights.reads, rights.acts, rights.problems) == ("Район", True, (), ())


@pytest.mark.parametrize(("codes", "word"), [([102], "token"), ([104], "keys"), ([50], "administrator")])
async def test_rights_that_lack_say_what_to_do(rig: OkRig, codes: list[int], word: str) -> None:
    rig.site.fail(*codes)
    rights = await rig.connector.test(rig.source)
    assert not rights.reads
    assert word in rights.problems[0]


async def test_a_group_that_is_none_is_said(rig: OkRig) -> None:
    rig.site.groups = {}
    rights = await rig.connector.test(rig.source)
    assert "no group" in rights.problems[0]


async def test_a_platform_that_is_away_is_no_verdict_on_rights(rig: OkRig) -> None:
    rig.site.fail(503)
    with pytest.raises(NotSent):
        await rig.connector.test(rig.source)


async def test_everything_to_do_is_a_persons(rig: OkRig) -> None:
    action = Action(
        id="01890a5d-ac96-774b-bcce-b302099a8057", kind="reply", platform="ok", page=PAGE,
        comment=f"ok:{TOPIC}:{LOCAL}", text="Ответ", ordered_by="x", ordered_at=NOW, not_after=NOW,
    )  # fmt: skip
    assert rig.connector.acts(rig.source) == ()
    assert await rig.connector.look(rig.source, action, "key") is None
    with pytest.raises(NotAllowed):
        await rig.connector.act(rig.source, action, "key")
    assert rig.site.calls == []


async def test_no_hook_is_genuine(rig: OkRig) -> None:
    with pytest.raises(Forged):
        rig.connector.hook(rig.source, {}, b'{"webhookType":"CONFIRMATION"}')


@pytest.mark.parametrize(
    ("post", "comment", "address"),
    [
        (TOPIC, f"ok:{TOPIC}:{LOCAL}", f"https://ok.ru/group/{GROUP}/topic/{TOPIC}"),
        (None, f"ok:{TOPIC}:{LOCAL}", f"https://ok.ru/group/{GROUP}/topic/{TOPIC}"),
        (None, f"{TOPIC}:{LOCAL}", f"https://ok.ru/group/{GROUP}/topic/{TOPIC}"),
        (None, "ok:strange", f"https://ok.ru/group/{GROUP}"),
    ],
)
def test_a_person_is_led_to_the_topic(rig: OkRig, post: str | None, comment: str, address: str) -> None:
    assert rig.connector.link(PAGE, post, comment) == address
