"""Personal data in a comment: found by what it looks like, never learned."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.classifier.letters import Kind
from services.classifier.text import normal

MIN_FIGURES = 10
"""Figures of the shortest document number (a passport's); SNILS has 11, a card 16."""

# Each begins with a set of characters, not with a look behind, so that the engine skips to figures or capitals.
_CARD = re.compile(
    r"[0-9](?<![0-9]{2})(?:[0-9]{3}[ -](?:[0-9]{4}[ -]){2}[0-9]{4}"
    r"|(?:(?<=2)20[0-4]|(?<=4)[0-9]{3}|(?<=5)[1-5][0-9]{2})[0-9]{12})(?![0-9])"
)
_SNILS = re.compile(r"[0-9](?<![0-9]{2})[0-9]{2}-[0-9]{3}-[0-9]{3}[ -][0-9]{2}(?![0-9])")
_SNILS_NUMBER = re.compile(r"[0-9](?<![0-9]{2})[0-9]{10}(?![0-9])")
_PASSPORT = re.compile(r"[0-9](?<![0-9]{2})[0-9] ?[0-9]{2}(?:\s?№\s?|No|,? номер |[ -])?[0-9]{6}(?![0-9])")
_ENDINGS = ("вич", "вна", "вны", "вне", "вну", "вной", "вною", "ична", "ичны", "ичне", "ичну", "ичной", "мич", "ьич")
"""Of patronymics, in every case."""
_NAME = "[а-яё]{1,30}"
_FULL_NAME = re.compile(
    rf"[А-ЯЁ](?<!\w[А-ЯЁ]){_NAME}(?:-[А-ЯЁ]{_NAME})?\s[А-ЯЁ]{_NAME}\s[А-ЯЁ]{_NAME}(?:{'|'.join(_ENDINGS)})[а-яё]{{0,2}}\b"
)
_HOUSE = re.compile(
    r"(?:\b(?:ул|улица|улице|улицы|пр|просп|проспект|пер|переулок|бульвар|наб|набережная|шоссе|проезд|мкр|дом|д)\b\.?"
    r"[^\d\n]{0,40}?\d{1,4}"
    r"|\b[А-ЯЁ][а-яё]{2,30}[ ,]{1,2}\d{1,4}[а-я]?[, -]{1,3}(?:(?:кв|квартира)\.? ?)?\d{1,4})"
)


def personal_data(texts: Sequence[str], counts: NDArray[np.int32]) -> NDArray[np.bool_]:
    """For each text whether it holds a telephone, e-mail address, card, passport or SNILS number, or a full name
    together with a street and house; `counts` are those of `text.clean_batch(texts)`.

    Russian formats only. Whose data it is cannot be told: an institution's own telephone counts too.
    """
    found: NDArray[np.bool_] = (counts[:, Kind.PHONE] + counts[:, Kind.EMAIL]) > 0
    figures = counts[:, Kind.DIGIT]
    for index in np.flatnonzero((figures > 0) & ~found).tolist():
        found[index] = _in_figures(texts[index], int(figures[index]))
    return found


def _in_figures(text: str, figures: int) -> bool:
    text = normal(text)
    if figures >= MIN_FIGURES and _is_document(text):
        return True
    return bool(_FULL_NAME.search(text) and _HOUSE.search(text))


def _is_document(text: str) -> bool:
    if _CARD.search(text) or _SNILS.search(text):
        return True
    words = text.lower()
    return bool(
        ("снилс" in words and _SNILS_NUMBER.search(text))
        or (("паспорт" in words or "серия" in words) and _PASSPORT.search(text))
    )
