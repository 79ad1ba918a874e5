"""VK's hook: who is believed, and what is answered."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from services.ingest.connectors.connector import Forged, HookAnswer
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.connectors.vk.hook import take
from services.ingest.sources.source import Secrets, Source

SECRETS = Secrets(hook_secret="Xs9-secret", confirmation="a1b2c3d4")
SOURCE = Source(id="town", platform="vk", page="vk:-456", way="hook", secrets=SECRETS)
COMMENT = {"id": 12, "post_id": 7, "owner_id": -456, "from_id": 123, "date": 1785571200, "text": "Где вода?"}


def call(**changes: Any) -> bytes:
    fields = {"type": "wall_reply_new", "object": COMMENT, "group_id": 456, "event_id": "e", "secret": "Xs9-secret"}
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not None}).encode()


def source(**secrets: str | None) -> Source:
    return Source(id="town", platform="vk", page="vk:-456", way="hook", secrets=Secrets(**secrets))


def test_a_genuine_event_is_taken_and_answered_with_exactly_ok() -> None:
    taken = take(SOURCE, call())
    assert taken.answer == HookAnswer(status=200, body=b"ok")
    (event,) = taken.events
    assert event.key == "456:e"
    assert event.submission is not None
    assert event.submission.id == "wall:-456:7:12"


def test_an_event_of_another_kind_is_answered_alike() -> None:
    taken = take(SOURCE, call(type="like_add"))
    assert taken.answer.body == b"ok"
    assert [each.skipped for each in taken.events] == ["like_add"]


@pytest.mark.parametrize(
    "body",
    [
        call(secret="wrong"),
        call(secret=None),
        call(secret=""),
        call(secret="xs9-secret"),
        call(secret=7),
        call(secret="Xs9-secret "),
        call(secret="секрет"),
        call(group_id=457),
        call(group_id=-456),
        call(group_id=None),
        call(group_id="x"),
        call(type="confirmation", secret="wrong"),
        call(type="confirmation", group_id=457, secret=None),
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_does_not_prove_itself_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        take(SOURCE, body)


@pytest.mark.parametrize("secret", [None, ""])
@pytest.mark.parametrize("given", [None, ""])
def test_without_a_secret_of_ours_nothing_is_believed(secret: str | None, given: str | None) -> None:
    with pytest.raises(Forged):
        take(source(hook_secret=secret, confirmation="x"), call(secret=given))


def test_the_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(right: bytes, given: bytes) -> bool:
        compared.append((right, given))
        return given == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    take(SOURCE, call())
    with pytest.raises(Forged):
        take(SOURCE, call(secret="X"))
    assert compared == [(b"Xs9-secret", b"Xs9-secret"), (b"Xs9-secret", b"X")]


@pytest.mark.parametrize("secret", [None, "Xs9-secret"])
def test_a_confirmation_is_answered_with_the_string_alone(secret: str | None) -> None:
    body = call(type="confirmation", object=None, event_id=None, secret=secret)
    assert take(SOURCE, body).answer == HookAnswer(status=200, body=b"a1b2c3d4")


@pytest.mark.parametrize("confirmation", [None, "", "remove", " Remove\n"])
def test_what_is_not_known_or_would_remove_the_server_is_not_said(confirmation: str | None) -> None:
    taken = take(source(hook_secret="s", confirmation=confirmation), call(type="confirmation", secret="s"))
    assert taken.answer == HookAnswer(status=503, body=b"")


@pytest.mark.parametrize("confirmation", [None, "", " "])
def test_whoever_has_no_secret_does_not_learn_that_there_is_no_string_yet(confirmation: str | None) -> None:
    with pytest.raises(Forged):
        take(source(hook_secret="s", confirmation=confirmation), call(type="confirmation", secret=None))


def test_a_genuine_call_that_is_no_event_is_not_vks() -> None:
    with pytest.raises(NotThisPlatform):
        take(SOURCE, call(type=None))


def test_no_answer_is_ever_remove() -> None:
    for kind in ("remove", "wall_reply_new", "confirmation"):
        assert take(SOURCE, call(type=kind, event_id="remove")).answer.body in (b"ok", b"a1b2c3d4")
