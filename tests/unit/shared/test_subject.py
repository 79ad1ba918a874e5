"""Subjects: whatever stands in an id, its token is one plain token, and leads back to the id."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.topology import STREAMS, stream_for
from shared.events import PLATFORMS, page_token, subject_of, token, untoken

PLAIN = re.compile(r"[A-Za-z0-9_-]+\Z")


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_token_is_plain_and_leads_back(local_id: str) -> None:
    made = token(local_id)

    assert PLAIN.match(made)
    assert untoken(made) == local_id


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_ids_have_different_tokens(one: str, other: str) -> None:
    assert (token(one) == token(other)) == (one == other)


@pytest.mark.parametrize("text", ["a", "+/+/", "YQ==", "YR", "ж", "a b", "_w", "\n"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64url|spelling"):
        untoken(text)


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=30))
def test_whatever_untoken_takes_is_spelled_one_way(text: str) -> None:
    try:
        local_id = untoken(text)
    except ValueError:
        return
    assert token(local_id) == text


def test_a_page_is_named_by_its_local_part() -> None:
    assert page_token("vk:-1") == "LTE"
    assert untoken(page_token("http:demo:x")) == "demo:x"


@pytest.mark.parametrize("page", ["vk", "vk:", "", ":"])
def test_a_page_without_a_local_part_has_no_subject(page: str) -> None:
    with pytest.raises(ValueError, match="page id"):
        page_token(page)


def test_every_stream_is_found_by_its_subjects() -> None:
    for stream in STREAMS:
        for pattern in stream.subjects:
            assert stream_for(pattern.replace("*", "x")) is stream


def test_a_subject_of_no_stream_is_an_error() -> None:
    with pytest.raises(KeyError):
        stream_for("elsewhere.x")


def test_what_is_no_event_has_no_subject() -> None:
    with pytest.raises(TypeError, match="str is not an event"):
        subject_of("comments.created.vk.LTE")


def test_the_platforms_are_the_five_of_the_design() -> None:
    assert PLATFORMS == ("vk", "telegram", "ok", "max", "http")
