"""Personal data in a comment: found by what it looks like, never learned."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling import patterns
from services.classifier.spelling.letters import BREAK, Kind
from services.classifier.text import normal

Datum = Literal["phone", "email", "card", "snils", "passport", "named_address"]

MIN_PHONE_FIGURES = 5
"""Figures of the shortest telephone number, that of a village."""
MIN_FIGURES = 10
"""Figures of the shortest document number (a passport's); SNILS has 11, a card 16."""
MAX_MONEY_FIGURES = 15
"""Figures that one sum of money may have taken: "на карту … 0004 500 руб." takes the end of the card's number."""
NEAR = 200
"""Characters between a name and an address that are said of one person, at most."""

# Each begins with a set of characters, not with a look behind, so that the engine skips to figures or capitals.
_CARD = re.compile(r"[0-9](?<![0-9]{2})[0-9]{3}[ -](?:[0-9]{4}[ -]){2}[0-9]{4}(?![0-9])")
_CARD_NUMBER = re.compile(r"[245](?<![0-9]{2})(?:(?<=2)20[0-4]|(?<=4)[0-9]{3}|(?<=5)[1-5][0-9]{2})[0-9]{12}(?![0-9])")
_SNILS = re.compile(r"[0-9](?<![0-9]{2})[0-9]{2}-[0-9]{3}-[0-9]{3}[ -][0-9]{2}(?![0-9])")
_SNILS_NUMBER = re.compile(r"[0-9](?<![0-9]{2})[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?![0-9])")
_PASSPORT = re.compile(
    r"[0-9](?<![0-9]{2})[0-9] ?[0-9]{2}(?:,?\s?(?:N[o°]?|номер:?)\s?|[ -])?[0-9]{3} ?[0-9]{3}(?![0-9])"
)
"""In a normal text "№" is "No"."""
_RUN = re.compile(r"[0-9](?:[ -]?[0-9]){9}")
"""Ten figures with at most one sign between two: what every card and SNILS holds, and much faster to look for."""
_GAP = r"(?:[ \-()\u2010-\u2015]{0,3}|\.)"
_ZERO = "0-9oOоО"
_PHONE = re.compile(
    rf"[+78](?<![\w+][+78])(?:"
    rf"(?<=\+)[0-9](?:{_GAP}[0-9]){{9,13}}"
    rf"|(?:(?<=\+)7|(?<=[78])){_GAP}[{_ZERO}]{{3}}(?:{_GAP}[{_ZERO}]){{7}}"
    rf")(?![{_ZERO}])"
)
"""What `patterns.PHONE` does not take: foreign numbers, unusual groups, stops and other dashes, o for zeros."""
_LOCAL_PHONE = re.compile(r"[0-9](?<![\w.,/-][0-9])[0-9]{0,2}-[0-9]{2}-[0-9]{2}(?![\w/-]|[.,][0-9])")
"""Of five figures and more, without an area code; dates are written like those of six and less."""
_CITY_PHONE_LENGTH = len("000-00-00")
_CALLING = re.compile(r"\b(?:тел\b|телефон|звон|номер|диспетч|дозвон|набер|факс|ватсап|whatsapp)", re.IGNORECASE)
_CALLING_NEAR = 60

_ENDINGS = ("вич", "вна", "вны", "вне", "вну", "вной", "вною", "ична", "ичны", "ичне", "ичну", "ичной", "мич", "ьич")
"""Of patronymics, in every case."""
_NAME = "[а-яё]{1,30}"
_FULL_NAME = re.compile(
    rf"[А-ЯЁ](?<!\w[А-ЯЁ])(?<!-[А-ЯЁ])(?!важаем|дравствуйте|обр[оы]){_NAME}(?:-[А-ЯЁ]{_NAME})?\s[А-ЯЁ]{_NAME}"
    rf"\s[А-ЯЁ]{_NAME}(?:{'|'.join(_ENDINGS)})[а-яё]{{0,2}}\b"
)
_OFFICE = re.compile(
    r"(?:директор|начальни|руководител|губернатор|глав[аыеуо]|министр|депутат|мэр|председател|заместител|уважаем|врач|"
    r"инспектор|специалист|инженер|заведующ|учредител|чиновни|президент|прокурор|судь[яиею]\b|приём|прием)[^.!?\n]{0,60}$",
    re.IGNORECASE,
)
"""Stands before the name of a person who is named for an office, whose address is not the person's."""
_HOUSE = re.compile(
    r"(?:\b(?:[Уу]л|[Уу]лиц[аеуы]|[Пп]р|[Пп]р-т|[Пп]росп|[Пп]роспект[аеу]?|[Пп]ер|[Пп]ереул\w{2,3}|[Бб]ульвар[аеу]?|[Нн]аб|"
    r"[Нн]абережн\w{2}|[Шш]оссе|[Пп]роезд[аеу]?|[Пп]лощад\w|[Мм]кр|[Дд]ом[аеу]?|[Дд]|[Кк]в|[Кк]вартир[аеуы])\b\.?"
    r"[^\d\n]{0,40}?\d{1,3}(?!\d| ?г\b|-?ый|-?й|-?го| год| рубл| тыс)"
    r"|\b[А-ЯЁ][а-яё]{2,30}[ ,]{1,2}\d{1,3}[а-я]?[, -]{1,3}(?:(?:кв|квартира)\.? ?)?\d{1,4}"
    r"|\b[А-ЯЁ][а-яё]{2,30}(?:[аяо][яй]|ого|ова|ева|ина), ?\d{1,3}\b)"
)


class Found(NamedTuple):
    """One piece of personal data, from one code point up to another."""

    datum: Datum
    start: int
    stop: int


def personal_data(texts: Sequence[str], counts: NDArray[np.int32]) -> NDArray[np.bool_]:
    """For each text whether it holds a telephone, e-mail address, card, passport or SNILS number, or a full name
    together with a house; `counts` are those of `text.clean_batch(texts)`.

    Russian formats, and telephones of other countries. Whose data it is cannot be told: an institution's own telephone
    counts too. A name that follows an office ("директор …") does not.
    """
    found: NDArray[np.bool_] = (counts[:, Kind.PHONE] + counts[:, Kind.EMAIL]) > 0
    figures = counts[:, Kind.DIGIT] + counts[:, Kind.MONEY] * MAX_MONEY_FIGURES
    for index in np.flatnonzero((figures > 0) & ~found).tolist():
        if figures[index] < MIN_PHONE_FIGURES and not _may_name(texts[index]):
            continue
        text, some = normal(texts[index]), int(figures[index])
        bare = _without_addresses(text) if some >= MIN_PHONE_FIGURES else text
        found[index] = next(_beyond_tokens(text, bare, some), None) is not None
    return found


def personal_spans(text: str) -> list[Found]:
    """All that `personal_data` looks for, in order, none twice; `text` is normal (`text.normal`)."""
    bare = _without_addresses(text)
    found = [Found("email", *match.span()) for match in patterns.EMAIL.finditer(text)]
    found += [Found("phone", *match.span()) for match in patterns.PHONE.finditer(bare)]
    taken: list[Found] = []
    for one in sorted([*found, *_beyond_tokens(text, bare, len(text))], key=lambda one: (one.start, -one.stop)):
        if not taken or one.start >= taken[-1].stop:
            taken.append(one)
    return taken


def _beyond_tokens(text: str, bare: str, figures: int) -> Iterator[Found]:
    """What no token of a cleaned text stands for; `bare` is it without addresses, and `figures` is how many figures it
    has, or more."""
    if figures >= MIN_PHONE_FIGURES:
        yield from _phones(bare)
    if figures >= MIN_FIGURES:
        yield from _documents(bare)
    yield from _named_addresses(text)


def _without_addresses(text: str) -> str:
    """`text`, as long as it was, without what becomes a token before telephones do: figures of a link are no number
    that somebody could dial."""
    if "@" in text:
        text = patterns.EMAIL.sub(_blank, text)
        text = patterns.HANDLE.sub(_blank, text)
    if "://" in text or patterns.LINK_HINT.search(text):
        text = patterns.LINK.sub(_blank, text)
    return patterns.MENTION.sub(_blank, text) if "[" in text else text


def _blank(match: re.Match[str]) -> str:
    return BREAK * len(match[0])


def _phones(text: str) -> Iterator[Found]:
    for match in _PHONE.finditer(text):
        # A number that somebody can dial has not more letters than figures.
        if sum(char in "oOоО" for char in match[0]) <= MIN_PHONE_FIGURES:
            yield Found("phone", *match.span())
    for match in _LOCAL_PHONE.finditer(text):
        start, stop = match.span()
        around = text[max(0, start - _CALLING_NEAR) : stop + _CALLING_NEAR]
        if stop - start >= _CITY_PHONE_LENGTH or _CALLING.search(around):
            yield Found("phone", start, stop)


def _documents(text: str) -> Iterator[Found]:
    words = text.lower()
    if _RUN.search(text):
        for match in _CARD.finditer(text):
            yield Found("card", *match.span())
        for match in _CARD_NUMBER.finditer(text):
            if _luhn(match[0]) or "карт" in words:
                yield Found("card", *match.span())
        for match in _SNILS.finditer(text):
            yield Found("snils", *match.span())
        if "снилс" in words:
            for match in _SNILS_NUMBER.finditer(text):
                yield Found("snils", *match.span())
    if "паспорт" in words or "серия" in words:
        for match in _PASSPORT.finditer(text):
            yield Found("passport", *match.span())


def _may_name(text: str) -> bool:
    """Whether one of _ENDINGS can be in it: much faster than looking for a name."""
    return "ич" in text or "вн" in text


def _named_addresses(text: str) -> Iterator[Found]:
    if not _may_name(text):
        return
    houses: list[tuple[int, int]] | None = None
    for match in _FULL_NAME.finditer(text):
        start, stop = match.span()
        if _OFFICE.search(text, max(0, start - NEAR), start):
            continue
        if houses is None:
            houses = [house.span() for house in _HOUSE.finditer(text)]
        nearest = bisect_left(houses, start - NEAR, key=itemgetter(1))  # the first that ends late enough
        if nearest < len(houses) and houses[nearest][0] <= stop + NEAR:
            yield Found("named_address", start, stop)


def _luhn(number: str) -> bool:
    """Whether the last figure is the check digit of ISO/IEC 7812-1, as it is of every card."""
    doubled = [int(char) * (1 + place % 2) for place, char in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
