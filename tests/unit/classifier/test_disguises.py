"""The ten disguises: seeded, readable, and leaving alone what spam must leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.training.disguises import DISGUISES, disguised

TEXT = (
    "Здравствуйте! Работаю из дома, доход до 5000 рублей в день, подробности: https://example.ru/job или a@example.com"
)
TEXTS = [TEXT, "Когда починят лифт в третьем подъезде?", "ок", ""]


@pytest.mark.parametrize("name", DISGUISES)
def test_a_text_is_disguised_the_same_way_in_any_company(name: str) -> None:
    together = disguised(name, TEXTS)
    assert together == [disguised(name, [text])[0] for text in TEXTS]
    assert disguised(name, [TEXT], seed=1) != [together[0]]


@pytest.mark.parametrize("name", DISGUISES)
def test_links_figures_and_addresses_stay(name: str) -> None:
    (text,) = disguised(name, [TEXT])
    assert text != TEXT
    for kept in ("https://example.ru/job", "a@example.com", "5000"):
        assert kept in text


@pytest.mark.parametrize("name", DISGUISES)
def test_what_has_no_cyrillic_stays(name: str) -> None:
    assert disguised(name, ["", "12 345", "Hello, world!"]) == ["", "12 345", "Hello, world!"]


@pytest.mark.parametrize("name", ["latin", "greek", "figures", "cased"])
def test_letters_are_exchanged_one_for_one(name: str) -> None:
    (text,) = disguised(name, [TEXT])
    assert len(text) == len(TEXT)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("latin", "paбoтa"), ("figures", "ра60та"), ("spaced", "р а б о т а"), ("dotted", "р-а-б-о-т-а"),
        ("cased", "РаБоТа"),
    ],
)  # fmt: skip
def test_what_they_do_to_a_word(name: str, shown: str) -> None:
    found = {disguised(name, ["работа"], seed=seed)[0] for seed in range(2_000)}
    assert shown in found
    assert len(found) > 1


def test_invisible_characters_can_be_taken_out_again() -> None:
    (text,) = disguised("invisible", [TEXT])
    assert "".join(char for char in text if char.isprintable()) == TEXT


def test_as_strong_as_told() -> None:
    text = "с" * 10_000
    (found,) = disguised("latin", [text])
    assert 0.62 < found.count("c") / len(text) < 0.68
    words = " ".join(["работа"] * 5_000)
    (found,) = disguised("spaced", [words])
    assert 0.32 < found.count("р а б о т а") / 5_000 < 0.38


@given(text=st.text(st.characters(), max_size=200))
def test_no_text_is_refused(text: str) -> None:
    for name in DISGUISES:
        assert isinstance(disguised(name, [text])[0], str)
    assert isinstance(disguised("latin", ["\ud800 работа"])[0], str)
