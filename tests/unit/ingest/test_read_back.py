"""A comment read back from its platform: new, edited, returned, or nothing, by what is known of it."""

from __future__ import annotations

from datetime import UTC, datetime

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
