"""The memory of repetitions: what it counts, what it forgets, and how large it is."""

from __future__ import annotations

from array import array
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.repetition.fingerprint import KEYS, Sighting
from services.classifier.repetition.sightings import MEMBERS, Sightings
from shared.events import Repeated

HOUR = 3_600
KEY = 0xABCDEF0123456789


def seen(comment: int, *, page: int = 1, author: int = 1, at: int = 0, key: int = KEY, contact: int = 0) -> Sighting:
    # The middle of a key says which slot it takes.
    keys = [key << 20 if key < 2**20 else key, 0, 0, 0, contact << 20, 0]
    assert len(keys) == KEYS
    return Sighting(comment=comment, page=page, author=author, at=at + 10 * HOUR, keys=tuple(keys))


@pytest.fixture
def table() -> Sightings:
    return Sightings(slots_bits=10, groups=8)


def said(table: Sightings, one: Sighting) -> tuple[int, int, int] | None:
    found = table.count(one)
    return None if found is None else (found.comments, found.pages, found.authors)


def test_distinct_comments_pages_and_authors_are_counted(table: Sightings) -> None:
    every = [seen(1), seen(2, page=2), seen(3, page=2, author=2), seen(4, author=0)]
    for number, one in enumerate(every):
        table.note([one])
        assert (said(table, one) is None) == (number == 0)
    assert said(table, every[0]) == (4, 2, 2)


def test_a_redelivery_or_an_edit_is_no_repetition(table: Sightings) -> None:
    for _ in range(5):
        table.note([seen(1)])
    assert table.count(seen(1)) is None
    table.note([seen(2), seen(1), seen(2)])
    assert said(table, seen(1)) == (2, 1, 1)


def test_what_is_older_than_the_window_counts_no_more(table: Sightings) -> None:
    table.note([seen(1), seen(2, at=1 * HOUR), seen(3, at=7 * HOUR)])
    assert said(table, seen(3, at=7 * HOUR)) == (2, 1, 1)
    table.note([seen(9, key=77), seen(10, key=77, at=7 * HOUR)])
    assert table.count(seen(10, key=77, at=7 * HOUR)) is None


def test_a_contact_counts_where_the_text_does_not(table: Sightings) -> None:
    every = [seen(number, key=number, contact=5, page=number) for number in range(1, 5)]
    table.note(every)
    assert table.count(every[0]) == Repeated(same="contact", comments=4, pages=4, authors=1)
    same = [seen(number, key=99, contact=5) for number in (11, 12, 13, 14, 15, 16, 17)]
    table.note(same)
    assert table.count(same[0]) == Repeated(same="contact", comments=11, pages=4, authors=1)


def test_a_large_group_stops_at_its_members(table: Sightings) -> None:
    table.note(seen(number, page=number, author=number) for number in range(1, 500))
    assert said(table, seen(499)) == (MEMBERS, MEMBERS, MEMBERS)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 4), st.integers(0, 3)), max_size=60))
def test_with_room_enough_it_counts_exactly(written: list[tuple[int, int, int]]) -> None:
    table = Sightings(slots_bits=10, groups=8)
    first: dict[int, tuple[int, int]] = {}
    for comment, page, author in written:
        first.setdefault(comment, (page, author))
        # A comment stays under its page and its author.
        stays = first[comment]
        table.note([seen(comment, page=stays[0], author=stays[1])])
    if len(first) > 1:
        pages = {page for page, _ in first.values()}
        authors = {author for _, author in first.values()} - {0}
        assert said(table, seen(written[0][0])) == (len(first), len(pages), len(authors))


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 40)), max_size=400))
def test_forgetting_never_makes_a_count_too_large(written: list[tuple[int, int]]) -> None:
    table = Sightings(slots_bits=3, groups=2)
    with_key: dict[int, set[int]] = {}
    for comment, key in written:
        table.note([seen(comment, key=key)])
        with_key.setdefault(key, set()).add(comment)
        count = said(table, seen(comment, key=key))
        assert count is None or count[0] <= len(with_key[key])


def size(table: Sightings) -> int:
    """Bytes of its tables."""
    return sum(value.itemsize * len(value) for value in vars(table).values() if isinstance(value, array))


def test_it_never_grows(table: Sightings) -> None:
    before = size(table)
    for start in range(1, 20_000, 100):
        table.note(seen(start + offset, key=start + offset // 3) for offset in range(100))
    assert size(table) == before
    assert len(table._groups) <= 8


def test_how_large_it_is() -> None:
    assert 19_000_000 < size(Sightings(window=timedelta(hours=1))) < 21_000_000
