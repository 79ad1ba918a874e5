"""Words in two alphabets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.disguise import reveal


@pytest.mark.parametrize(
    ("word", "seen"),
    [
        ("работа", "работа"),
        ("pабoтa", "работа"),
        ("hoвocти", "новости"),
        ("telegram", "telegram"),
        ("tеlegram", "telegram"),
        ("3apабoток", "заработок"),
        ("р4к", "рчк"),
        ("2х", "2х"),
        ("5этажка", "5этажка"),
        ("covid19", "covid19"),
        ("2024", "2024"),
    ],
)
def test_reveal(word: str, seen: str) -> None:
    assert reveal(word) == seen


@given(st.text("абвгдежаaceopxyzqw0123456789", max_size=40))
def test_length_is_kept_and_twice_is_once(word: str) -> None:
    once = reveal(word)
    assert len(once) == len(word)
    assert len(reveal(once)) == len(once)


@given(st.text("абвгдежзий", min_size=1, max_size=20))
def test_pure_words_stay(word: str) -> None:
    assert reveal(word) == word
