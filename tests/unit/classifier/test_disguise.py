"""Words in two alphabets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.spelling.disguise import reveal


@pytest.mark.parametrize(
    ("word", "seen"),
    [
        ("работа", "работа"),
        ("pабoтa", "работа"),
        ("hoвocти", "новости"),
        ("telegram", "telegram"),
        ("tеlegram", "telegram"),
        ("3apабoток", "заработок"),
        ("р4к", "р4к"),
        ("2х", "2х"),
        ("5этажка", "5этажка"),
        ("covid19", "covid19"),
        ("2024", "2024"),
        ("гибᴋий", "гибкий"),
        ("ᴩᴀбᴏᴛᴀ", "работа"),
        ("ʙᴀᴍ", "вам"),
        ("ɪɴꜱᴛᴀɢʀᴀᴍ", "instagram"),
        ("услσвия", "условия"),
        ("нγжеn", "нужеп"),
        ("ⲃcе", "все"),
        ("ꭺꮩꭲꮎ", "avto"),
        ("пиwитe", "пишите"),
        ("смотрu", "смотри"),
        ("bitсоin", "bitcoin"),
        ("рrоjесt", "project"),
        ("τelegram", "telegram"),
        ("6ез", "без"),
        ("0пыт", "опыт"),
        ("срочн0", "срочно"),
        ("тре6ования", "требования"),
        ("при8е7", "привет"),
        ("kaп1tал", "кап1тал"),
    ],
)
def test_reveal(word: str, seen: str) -> None:
    assert reveal(word) == seen


@pytest.mark.parametrize(
    "word",
    ["3d", "covid", "bmw", "x5", "а4", "12б", "4а", "3к", "5кг", "0руб", "6этаж", "4комнатная", "3апреля", "3группы",
     "д4к3", "дом6кв8", "14к3п", "жкс3", "ми8", "т34", "т4к", "вкontakte", "telegramом", "maxе", "smsка", "vipзал",
     "10μm", "πr", "αγαπη", "հայերեն", "ızmir", "nвсе", "жксn2", "мегаfon", "2х", "6й", "8ми", "0го"],
)  # fmt: skip
def test_honest_words_stay(word: str) -> None:
    assert reveal(word) == word


@given(st.text("абвгдежаaceopxyzqw0123456789", max_size=40))
def test_length_is_kept_and_twice_is_once(word: str) -> None:
    once = reveal(word)
    assert len(once) == len(word)
    assert len(reveal(once)) == len(once)


@given(st.text("абвгдежзий", min_size=1, max_size=20))
def test_pure_words_stay(word: str) -> None:
    assert reveal(word) == word
