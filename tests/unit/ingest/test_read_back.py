"""A comment read back from its platform: new, edited, returned, or nothing, by what is known of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.ingest.batch import judge
from services.ingest.repetition import Head
from services.ingest.submission import Entry, EventKind, Submission, to_entry, to_entry_read_back

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def told(kind: EventKind, text: str = "A") -> Entry:
    entry = to_entry(_submission(kind, text), author_key=b"k", received_at=NOW, trace="")
    assert isinstance(entry, Entry)
    return entry


def read(text: str = "A", *, gone: bool = False) -> Entry:
    submission = _submission("deleted" if gone else "created", text)
    entry = to_entry_read_back(submission, author_key=b"k", received_at=NOW, trace="")
    assert isinstance(entry, Entry)
    return entry


def _submission(kind: EventKind, text: str) -> Submission:
    return Submission(platform="vk", page="vk:-1", id="wall:-1:2:3", event=kind, text=text)


@pytest.mark.parametrize(
    ("history", "becomes"),
    [
        ([read()], ["comment.created"]),
        ([told("created"), read()], ["comment.created"]),
        ([told("created"), told("edited", "B"), read("B")], ["comment.created", "comment.edited"]),
        ([told("created"), read("B"), read("B"), read("B")], ["comment.created", "comment.edited"]),
        ([read(), read("B"), read()], ["comment.created", "comment.edited", "comment.edited"]),
        ([read(), read(gone=True), read(gone=True)], ["comment.created", "comment.deleted"]),
        ([read(gone=True)], ["comment.deleted"]),
        (
            [told("created"), told("deleted"), read("B"), read("B"), read("B")],
            ["comment.created", "comment.deleted", "comment.restored", "comment.edited"],
        ),
        ([read(), told("created")], ["comment.created"]),
        ([told("created"), told("edited"), told("edited")], ["comment.created"]),
        ([read(), told("edited"), told("edited", "B")], ["comment.created", "comment.edited"]),
        (
            [told("created"), told("edited", "B"), told("edited")],
            ["comment.created", "comment.edited", "comment.edited"],
        ),
        ([told("edited"), told("created")], ["comment.edited"]),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_only_what_changed_is_told(history: list[Entry], becomes: list[str], together: bool) -> None:
    known: dict[str, Head] = {}
    events = []
    for group in [history] if together else [[each] for each in history]:
        batch = judge([group], known)
        known |= batch.heads
        events += [sent.event for sent in batch.outgoing]
    assert [type(event).__struct_config__.tag for event in events] == becomes


def seen(batch_heads: dict[str, Head], seconds: float) -> dict[str, Head]:
    """The heads as they are found later, recorded so many seconds after NOW."""
    at = NOW + timedelta(seconds=seconds)
    return {comment: msgspec.structs.replace(head, seen_at=at) for comment, head in batch_heads.items()}


def as_of(entry: Entry, seconds: float) -> Entry:
    return msgspec.structs.replace(entry, as_of=NOW + timedelta(seconds=seconds))


def outcome(known: dict[str, Head], *entries: Entry) -> list[str | None]:
    return [type(sent.event).__struct_config__.tag for sent in judge([entries], known).outgoing]  # type: ignore[misc]  # a tag of ours is text


@pytest.mark.parametrize("since", [told("deleted"), told("edited", "B")])
def test_a_reading_that_was_asked_for_before_a_change_does_not_undo_it(since: Entry) -> None:
    known = seen(judge([[told("created"), since]], {}).heads, 10)
    assert outcome(known, as_of(read("A"), 9)) == []
    assert outcome(judge([[told("created"), since]], {}).heads, as_of(read("A"), 9)) == []
    assert outcome(known, as_of(read("A"), 11)) != []


def test_what_one_payload_says_of_a_comment_follows_upon_itself() -> None:
    """Its first event was taken when it came, a moment after the letter was written; the second only now."""
    known = seen(judge([[told("created")]], {}).heads, 1)
    letter = [as_of(told("created"), 0), as_of(told("edited", "B"), 0), as_of(told("deleted"), 0)]
    assert outcome(known, *letter) == ["comment.edited", "comment.deleted"]
    assert outcome({}, *letter) == ["comment.created", "comment.edited", "comment.deleted"]
    edited = seen(judge([[told("created"), told("edited", "C")]], {}).heads, 1)
    assert outcome(edited, *letter) == []
