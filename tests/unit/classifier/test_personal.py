"""Personal data: Russian formats, and what only looks like them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.personal import Found, personal_data, personal_spans
from services.classifier.text import clean_batch, normal
from services.classifier.training.rows import read_corpus

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=200)


def found(*texts: str) -> list[bool]:
    return [bool(value) for value in personal_data(texts, clean_batch(texts).counts)]


@pytest.mark.parametrize(
    "text",
    [
        "звоните 8 900 000-00-00",
        "тел. +7(900)0000000",
        "пишите на petrova.anna@example.ru",
        "карта 2200 0000 0000 0001",
        "карта 2200000000000001",
        "на карту 2200 0000 0000 0001 500 руб.",
        "СНИЛС 000-000-001 00",
        "мой снилс 00000000100",
        "паспорт 00 00 000000",
        "паспорт серия 0000 номер 000000",
        "паспорт серия 0000 № 000000",
        "паспорт: серия 00 00, №000 000",
        "паспорт 0000 N 000000",
        "Сосед Петров Пётр Петрович, ул. Мира, д. 5, кв. 1",
        "на Петрову Анну Петровну, проживает проспект Мира 12",
        "у Петровой Анны Ильиничны, Зелёная 3, кв. 4",
        "Петрова Анна Ильинична, Зелёная, 3, кабель украли",
        "Петрова Анна Ильинична из квартиры 61 кормит голубей",
        "8 9OO ооо-00-01, Артём",
        "звоните 8 900 00-00-000",
        "8.900.000.00.00",
        "8–900–000–00–00",
        "+7 900 000\u201100\u201100",
        "Whatsapp +00 000 000-0000",
        "316-00-00",
        "телефон вахты 2-00-00",
        "карта 4000000000000002",
    ],
)
def test_is_personal(text: str) -> None:
    assert found(text) == [True]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "на улице Мира, дом 5, нет воды",
        "Пётр Петрович, когда почините лифт?",
        "директор Петрова Анна Петровна обещала",
        "обращение 1234567890 от 01.02.2024",
        "паспорт готов 12.05.2024 в 14:30",
        "с 2020 по 2024 год, 10 000 рублей, 112 и 103",
        "счёт 40702810000000000000",
        "лицевой 4000000000000000",
        "в 12-00-00, 01-02-24, счёт 2-1",
        "телефон не отвечает с 01-02-2024",
        "автобусы 8 12 14 16 18 20",
        "см. https://example.ru/wall-9000000000_12",
        "см. https://example.ru/89000000000, дом 12, кв. 345",
        "см. example.ru/4000000000000002 от 01.02.2024, 2 раза",
        "8.12.2023 10.00, потом 7.500.000 рублей",
        "Уважаемый Пётр Петрович! На улице Мира, дом 5, нет воды",
        "директор Петрова Анна Петровна, ул. Мира, д. 5",
        "Петров Пётр Петрович обещал. " + "Ждём. " * 50 + "Улица Мира, дом 5",
    ],
)
def test_is_not_personal(text: str) -> None:
    assert found(text) == [False]


def test_the_corpus() -> None:
    rows = [row for source in read_corpus() for row in source.rows if row.personal_data is not None]
    said = found(*(row.text for row in rows))
    wrong = [row.text for row, value in zip(rows, said, strict=True) if value != row.personal_data]
    assert len(rows) > 100
    positive = sum(bool(row.personal_data) for row in rows)
    true = sum(value and bool(row.personal_data) for row, value in zip(rows, said, strict=True))
    assert true >= 0.97 * positive, wrong
    assert true >= 0.97 * sum(said), wrong


def test_spans() -> None:
    text = "Петрова Анна Ильинична, Зелёная, 3, тел. 8 900 000-00-00, a@example.ru, 2-00-00"
    assert [(one.datum, text[one.start : one.stop]) for one in personal_spans(text)] == [
        ("named_address", "Петрова Анна Ильинична"),
        ("phone", "8 900 000-00-00"),
        ("email", "a@example.ru"),
        ("phone", "2-00-00"),
    ]


def test_a_span_ends_with_its_number() -> None:
    text = "+00 000 000-0000 - дом 5"
    assert [text[one.start : one.stop] for one in personal_spans(text)] == ["+00 000 000-0000"]


@pytest.mark.parametrize("text", ["https://example.ru/wall-9000000000_12", "[id1|8 900 000-00-00]", "@a.89000000000"])
def test_figures_of_an_address_are_nobodys(text: str) -> None:
    assert found(text) == [False]
    assert personal_spans(text) == []


@given(st.text("0123456789 -()+oОПетрова ул.снилспаспорт@a.ru/[|]w", max_size=60))
def test_spans_are_there_where_it_is_said(text: str) -> None:
    text = normal(text)
    spans: list[Found] = personal_spans(text)
    assert all(before.stop <= after.start for before, after in pairwise(spans))
    assert not spans or found(text) == [True]


@given(st.lists(ANY_TEXT, max_size=4))
def test_any_text(texts: list[str]) -> None:
    assert found(*texts) == [value for text in texts for value in found(text)]
