"""Which texts have a key in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.repetition.fingerprint import (
    BANDS,
    KEYS,
    MIN_LETTERS,
    RECORD,
    Sighting,
    pack,
    sightings,
    text_keys,
    unpack,
)
from shared.events import CommentCreated

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
TEXT = "Уважаемая администрация, второй месяц во дворе на Вымышленной улице не вывозят мусор, баки переполнены"


def alike(first: str, second: str) -> int:
    """Keys in common."""
    keys = text_keys([first, second])
    return int(((keys[0] == keys[1]) & (keys[0] != 0)).sum())


def comment(text: str, **more: Any) -> CommentCreated:
    given = {"id": "vk:wall:-1:1", "page": "vk:-1", "author": "a", **more}
    return CommentCreated(platform="vk", received_at=NOW, text=text, **given)


@pytest.mark.parametrize(
    "other",
    [
        TEXT.upper(),
        TEXT + "!!! 😡😡",
        TEXT.replace("а", "a").replace("о", "o"),
        "  ".join(TEXT.split()),
        TEXT.replace(",", ""),
        TEXT.replace("ё", "е"),
        "\u200b".join(TEXT),
    ],
    ids=["capitals", "marks", "look-alikes", "blanks", "commas", "yo", "invisible"],
)
def test_what_looks_the_same_has_every_key_in_common(other: str) -> None:
    assert alike(TEXT, other) == BANDS


@pytest.mark.parametrize(
    "other", [TEXT + " Спасибо", "Добрый день! " + TEXT, TEXT.replace("второй", "третий")], ids=["end", "front", "word"]
)
def test_what_is_nearly_the_same_has_some(other: str) -> None:
    assert alike(TEXT, other) >= 1


def test_what_is_about_the_same_has_none() -> None:
    other = (
        "Когда наконец вывезут мусор с Вымышленной улицы? Баки полные уже второй месяц, уважаемая управляющая компания"
    )
    assert alike(TEXT, other) == 0


@pytest.mark.parametrize("text", ["", "спасибо", "+", "Поддерживаю!", "😀" * 100, "!" * 100, "а" * 39, "я за " * 3])
def test_short_courtesies_are_not_remembered(text: str) -> None:
    assert not text_keys([text]).any()
    assert sightings([comment(text)]) == [None]


def test_what_a_page_writes_is_not_remembered() -> None:
    assert sightings([comment(TEXT, author_kind="page")]) == [None]
    assert sightings([comment(TEXT, author_kind="community")]) != [None]


def test_a_short_text_with_a_contact_is() -> None:
    first, second = sightings([comment("Пиши t.me/shop"), comment("Давай на t.me/shop", id="vk:wall:-1:2")])
    assert first is not None
    assert second is not None
    assert first.contact_keys == second.contact_keys
    assert first.text_keys == (0, 0, 0, 0)


def test_what_stands_in_a_sighting() -> None:
    (first, second, third) = sightings(
        [comment(TEXT), comment(TEXT, author=None, page="vk:-2"), comment(TEXT, id="vk:wall:-1:2", author="b")]
    )
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.comment == second.comment != third.comment
    assert first.page == third.page != second.page
    assert (second.author, first.at) == (0, int(NOW.timestamp()))
    assert first.author not in (0, third.author)


WORDS = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


@given(st.lists(WORDS, max_size=8))
def test_a_text_has_the_same_keys_in_any_company(texts: list[str]) -> None:
    together = text_keys(texts)
    for text, row in zip(texts, together, strict=True):
        assert np.array_equal(text_keys([text])[0], row)
        assert not row.any() or len(text) >= MIN_LETTERS


NUMBER = st.integers(0, 2**32 - 1)


@st.composite
def any_sighting(draw: st.DrawFn) -> Sighting:
    keys = draw(st.lists(st.integers(0, 2**64 - 1), min_size=KEYS, max_size=KEYS))
    page, author, at = draw(NUMBER), draw(NUMBER), draw(NUMBER)
    return Sighting(comment=draw(st.integers(1, 2**64 - 1)), page=page, author=author, at=at, keys=tuple(keys))


@given(st.lists(any_sighting(), max_size=20))
def test_records_come_back(seen: list[Sighting]) -> None:
    records = pack(seen)
    assert len(records) == len(seen) * RECORD.itemsize
    assert unpack(records) == seen


def test_what_is_no_record_is_an_error() -> None:
    with pytest.raises(ValueError, match="size"):
        unpack(b"123")
