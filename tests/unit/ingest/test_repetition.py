"""Which events count as repetitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.repetition import Head, message_id, next_head

A, B = b"a" * 16, b"b" * 16


def heads(*digests: bytes, creates: bool = False) -> list[Head | None]:
    """The head after each event; None for repetitions."""
    found: list[Head | None] = []
    head: Head | None = None
    for number, digest in enumerate(digests):
        after = next_head(head, creates=creates and number == 0, digest=digest)
        found.append(after)
        head = after or head
    return found


def test_the_first_event_is_new() -> None:
    assert heads(A)[0] is not None
    assert heads(A, creates=True)[0] is not None


def test_a_comment_is_created_once_whatever_became_of_it() -> None:
    edited = heads(A, B)[-1]
    assert next_head(edited, creates=True, digest=A) is None
    assert next_head(edited, creates=True, digest=b"c" * 16) is None


def test_the_same_again_is_a_repetition() -> None:
    assert heads(A, A)[1] is None


def test_edits_back_and_forth_are_all_new_and_all_different_messages() -> None:
    found = heads(A, B, A, B, A)
    assert None not in found
    assert len({message_id("http:demo:1", head) for head in found if head}) == 5


@given(st.lists(st.sampled_from([A, B])))
def test_the_same_history_gives_the_same_messages(digests: list[bytes]) -> None:
    assert heads(*digests) == heads(*digests)


def test_messages_of_two_comments_differ() -> None:
    head = heads(A)[0]
    assert head is not None
    assert message_id("http:demo:1", head) != message_id("http:demo:2", head)
