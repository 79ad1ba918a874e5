"""Origins: the slow way cleans as the fast one does, and says where everything came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.classifier.spelling.letters import MONEY, PHONE
from services.classifier.spelling.origins import Traced, clean_with_origins, normal_with_origins
from services.classifier.text import clean, clean_batch, normal

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=120)
PIECES = st.lists(
    st.sampled_from(
        [
            "работа ", "рaбoтa", "р а б о т а", "з.а.й.м", "ооо", "!!!", "…", "№ 5", "\xa0", "8 900 000-00-00",
            "5 руб.", "www.",
            "@name", "a@example.ru", "https://example.ru/a", "[id1|Имя]", "\u200b", "и\u0306", "\u0301\u0316", "ﷺ", "ﬁ",
            "한", "\u1100\u1161\u11a8", "가\u11a8", "\U0001d400",
            "😡", "\ud800", "\ue000", "\ue003", "σт", "0пыт", "BCE",
            " ", "\n", "\U000e0041", "\u09c7\u09be", "か\u3099", "ｶﾞ", "\u0344",
            "a\u0300\u0301\u0302\u0303\u0304\u0305",
        ]
    ),
    max_size=25,
).map("".join)  # fmt: skip


def seen(traced: Traced, text: str) -> list[tuple[str, str]]:
    """Each cleaned character and what it came from."""
    return [
        (char, text[start:stop]) for char, (start, stop) in zip(traced.text(), traced.spans[1:-1].tolist(), strict=True)
    ]


def spans(traced: Traced, text: str) -> list[str]:
    return [text[start:stop] for start, stop in traced.joined.tolist() + traced.revealed.tolist()]


@given(ANY_TEXT | PIECES)
@example("")
@example("\u0301")
@example("www.школа")
@settings(max_examples=300)
def test_it_is_what_the_batch_says(text: str) -> None:
    traced, batch = clean_with_origins(text), clean_batch([text])
    assert np.array_equal(traced.cleaned.codes, batch.codes)
    assert np.array_equal(traced.cleaned.edges, batch.edges)
    assert np.array_equal(traced.cleaned.counts, batch.counts)
    assert len(traced.joined) == batch.joined[0]
    assert len(traced.revealed) == batch.disguised[0]
    assert traced.text() == clean(text)


@given(ANY_TEXT | PIECES)
@example("…" + "\u0301" * 7)
@settings(max_examples=300)
def test_it_is_normal_as_the_flags_have_it(text: str) -> None:
    found, spans = normal_with_origins(text)
    assert found == normal(text)
    assert len(spans) == len(found)


@given(ANY_TEXT | PIECES)
@settings(max_examples=300)
def test_every_character_has_its_span(text: str) -> None:
    traced = clean_with_origins(text)
    starts, stops = traced.spans[:, 0], traced.spans[:, 1]
    assert len(traced.spans) == len(traced.cleaned.codes)
    assert (np.diff(starts) >= 0).all()
    assert (np.diff(stops) >= 0).all()
    assert (starts[1:-1] < stops[1:-1]).all()
    assert traced.spans[0].tolist() == [0, 0]
    assert traced.spans[-1].tolist() == [len(text)] * 2


def test_letters_keep_their_place() -> None:
    assert seen(clean_with_origins("Ёж, Мы!"), "Ёж, Мы!") == [
        ("е", "Ё"), ("ж", "ж"), (",", ","), (" ", " "), ("м", "М"), ("ы", "ы"), ("!", "!")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("и\u0306од", [("й", "и\u0306"), ("о", "о"), ("д", "д")]),
        ("ﬁ…", [("f", "ﬁ"), ("i", "ﬁ"), (".", "…"), (".", "…")]),
        ("за\u200bй", [("з", "з"), ("а", "а\u200b"), ("й", "й")]),
        ("даааа", [("д", "д"), ("а", "аааа")]),
        ("д_о_м", [("д", "д_"), ("о", "о_"), ("м", "м")]),
    ],
)
def test_what_was_changed(text: str, expected: list[tuple[str, str]]) -> None:
    assert seen(clean_with_origins(text), text) == expected


def test_tokens_come_from_all_that_they_stand_for() -> None:
    text = "за 5 000 руб. звоните 8 900 000-00-00!"
    found = dict(seen(clean_with_origins(text), text))
    assert found[MONEY] == "5 000 руб."
    assert found[PHONE] == "8 900 000-00-00"


def test_disguised_words() -> None:
    text = "Ищу σnыт, з а й м, рaботa"
    traced = clean_with_origins(text)
    assert spans(traced, text) == ["з а й м", "σnыт", "рaботa"]
    assert [traced.read_as((start, stop)) for start, stop in traced.revealed.tolist()] == ["опыт", "работа"]
    assert [traced.read_as((start, stop)) for start, stop in traced.joined.tolist()] == ["займ"]
