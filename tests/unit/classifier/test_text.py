"""Cleaning: what a reader sees as the same has one spelling, and nothing makes it raise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classifier.spelling.letters import EMAIL, LIMIT, LINK, MENTION, MONEY, PHONE, TOKENS, Kind
from services.classifier.text import clean, clean_batch, normal

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=200)
"""Every code point, lone surrogates and our own private characters included."""

RUSSIAN = st.text("абвгдеёжзийклмноп АБВГД aceopxy 0346 ?!.,()[]@+-_🙂\u200b\u0301\nσᴛⲃ", max_size=200)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ещё СНЕГ", "еще снег"),
        ("Ё и й, Й", "е и й, й"),
        ("и\u0306од, е\u0308лка, за\u0301мок", "йод, елка, замок"),
        ("ｆｕｌｌ ﬁ", "full fi"),
        ("за\u200bра\u200d\ufeffбо\u00adток", "заработок"),
        ("Зaрaбoток", "заработок"),
        ("3apa6oтok", "заработок"),
        ("к0т и мы6ло", "кот и мыбло"),
        ("5й дом, 12а", "0й дом, 00а"),
        ("tеlеgrаm", "telegram"),
        ("VKонтакте", "vkонтакте"),
        ("Windows и SMS", "windows и sms"),
        ("оооочень плохо!!!!!", "очень плохо!!"),
        ("длинношеее, ванна", "длинноше, ванна"),
        ("№ 1000…", "# 0000.."),
        ("\x00а\x07б", " а б"),
        ("р а б о т а", "работа"),
        ("Р А Б О Т А  Н А  Д О М У", "работа  на  дому"),
        ("З.А.Р.А.Б.О.Т.О.К В С.Е.Т.И", "заработок в сети"),
        ("к_р_е_д_и_т", "кредит"),
        ("п-о-м-о-щ-ь", "помощь"),
        ("р/а/б/о/т/а", "работа"),
        ("р🔥а💰б🔥о", "рабо"),
        ("P a 6 o т a", "работа"),
        ("М Ы  Д А Ё М Г_А_Р_А_Н_Т_И_Ю", "мы  даем гарантию"),
        ("д-о-о-о-м-о-й", "домой"),
        ("BCEM привет", "всем привет"),
        ("раб🅾та", "работа"),
        ("Γде Ꭺвто", "где авто"),
        ("ℍ𝓐 𝖔кно", "на окно"),
    ],
)
def test_one_spelling(written: str, read: str) -> None:
    assert clean(written) == read


@pytest.mark.parametrize(
    "text",
    [
        "а. с. пушкин", "т. е. в", "т.е. г. н. а", "а, б, в, г и д", "и т. д. и т. п.", "а б в г", "и я в а", "к.т.н.",
        "ф. и. о. и", "a, b, c, d, e, m", "д. к. с. а. в", "а) б) д) в)", "с.н.т", "п. п. с. в",
    ],
)  # fmt: skip
def test_single_letters_that_are_no_word(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("written", "token"),
    [
        ("https://example.ru/a?b=1", LINK),
        ("HTTPS://EXAMPLE.RU", LINK),
        ("www.example.com", LINK),
        ("t.me/kanal_1", LINK),
        ("сайт.рф", LINK),
        ("name.name@example.ru", EMAIL),
        ("8 (900) 000-00-00", PHONE),
        ("+7 900 000 00 00", PHONE),
        ("89000000000", PHONE),
        ("900-000-00-00", PHONE),
        ("(4900) 00-00-00", PHONE),
        ("[id123|Имя Фамилия]", MENTION),
        ("[club1|Название]", MENTION),
        ("@manager_1", MENTION),
        ("5 000 руб.", MONEY),
        ("15к₽", MONEY),
        ("$ 100", MONEY),
        ("100 тыс. рублей", MONEY),
    ],
)
def test_tokens(written: str, token: str) -> None:
    assert clean(f"вот {written} да") == f"вот  {token}  да"


@pytest.mark.parametrize(
    "written", ["2 дома", "12.5", "улица 25 октября", "8 марта 2024", "д. 5 р-н", "сказал.Потом", "а.б"]
)
def test_ordinary_text_has_no_tokens(written: str) -> None:
    assert not set(clean(written)) & set(TOKENS)


def test_private_characters_cannot_be_forged() -> None:
    assert not set(clean(f"а{TOKENS}\ue000б")) & set(TOKENS)
    assert clean_batch(["а\ue000б"]).edges.size == 2


@given(ANY_TEXT)
def test_any_text_is_cleaned(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert all(ord(char) < LIMIT for char in cleaned)


@given(st.lists(ANY_TEXT | RUSSIAN, max_size=6))
def test_a_batch_is_its_texts(texts: list[str]) -> None:
    batch = clean_batch(texts)
    assert len(batch.edges) == len(texts) + 1
    for index, text in enumerate(texts):
        alone = clean_batch([text])
        part = batch.codes[batch.edges[index] : batch.edges[index + 1] + 1]
        assert np.array_equal(part, alone.codes)
        assert np.array_equal(batch.counts[index], alone.counts[0])
        assert batch.disguised[index] == alone.disguised[0]


@given(RUSSIAN)
def test_case_does_not_matter(text: str) -> None:
    assert clean(text.upper()) == clean(text.lower())


def test_counts() -> None:
    counts = clean_batch(["Где СНЕГ?! 5 https://example.ru 🙂 (да)\n"]).counts[0]
    expected = {
        Kind.UPPER: 5, Kind.LOWER: 4, Kind.QUESTION: 1, Kind.EXCLAMATION: 1, Kind.DIGIT: 1, Kind.LINK: 1,
        Kind.EMOJI: 1, Kind.SMILE: 1, Kind.SAD: 1, Kind.NEWLINE: 1, Kind.LATIN: 0, Kind.EDGE: 1,
    }  # fmt: skip
    assert {kind: int(counts[kind]) for kind in expected} == expected


def test_latin_words_stay_among_latin_ones() -> None:
    assert clean("bce het ha") == "bce het ha"
    assert clean_batch(["все", "bce", "все"]).disguised.tolist() == [0, 0, 0]


def test_joined_words_are_counted() -> None:
    batch = clean_batch(["р а б о т а", "да", "К_У_П_Л_Ю Д_О_М"])
    assert batch.joined.tolist() == [1, 0, 2]
    assert batch.disguised.tolist() == [0, 0, 0]


def test_disguised_words_are_counted() -> None:
    assert clean_batch(["Зaрaбoток бeз влoжений", "заработок", "Windows"]).disguised.tolist() == [3, 0, 0]


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 50_000,
        "aа " * 33_000,
        "[id1|" * 20_000,
        "a." * 50_000,
        "a@" * 50_000,
        "+7(" * 33_000,
        "1 1 " * 25_000,
        "\ufdfa" * 10_000,
        "\ud800" * 100_000,
        "😡" * 100_000,
        " " * 100_000,
        "а " * 50_000,
        "а.б_" * 25_000,
        "0а" * 50_000,
        "σ" * 100_000,
        "рa" * 50_000,
        "🔥а" * 50_000,
        "bce все " * 12_000,
    ],
)  # fmt: skip
def test_long_texts_of_one_kind(text: str) -> None:
    # No time is asserted; what took quadratic time here would be felt.
    assert len(clean(text)) <= 20 * len(text)


@given(st.text(st.sampled_from("аeи\u0301\u0316\u0306\u0308\u1ab0"), max_size=40))
@settings(max_examples=50)
def test_short_piles_of_marks_are_normalised_as_ever(text: str) -> None:
    import unicodedata

    once = normal(text)
    assert unicodedata.is_normalized("NFKC", once)
    assert normal(once) == once
