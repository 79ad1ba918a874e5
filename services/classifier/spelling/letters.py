"""What single characters are and what they fold to: tables over the first two planes of Unicode.

Built from `unicodedata`, so that no list of characters is kept by hand where the standard library has one.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling.doubles import ENCLOSED, GREEK_CAPITALS, SHAPE_OF, TWINS

Codes: TypeAlias = NDArray[np.uint32]

LIMIT = 0x20000
"""Code points from here on (rare ideographs, invisible tags, private planes) are dropped: the tables end here."""

BREAK = "\ue000"
"""Stands before, between and after the texts of a batch. Private use, and neither `\\s` nor `\\w` to a regex."""
LINK, EMAIL, PHONE, MENTION, MONEY = TOKENS = "\ue001\ue002\ue003\ue004\ue005"
"""One private character stands for each link, e-mail address, telephone, mention and sum of money."""


class Kind(IntEnum):
    """What a character of the raw text is; counted per comment."""

    SPACE = 0
    NEWLINE = 1
    LOWER = 2
    UPPER = 3
    LATIN = 4
    LATIN_UPPER = 5
    DIGIT = 6
    QUESTION = 7
    EXCLAMATION = 8
    SMILE = 9
    SAD = 10
    COMMA = 11
    STOP = 12
    DASH = 13
    QUOTE = 14
    EMOJI = 15
    INVISIBLE = 16
    EDGE = 17
    LINK = 18
    EMAIL = 19
    PHONE = 20
    MENTION = 21
    MONEY = 22
    CURRENCY = 23
    LETTER = 24
    OTHER = 25


KINDS = 32
"""Width of a table of counts; a power of two above the last kind."""

_MARKS = {
    **dict.fromkeys("\n\r\u2028\u2029\x85", Kind.NEWLINE),
    **dict.fromkeys("?¿؟", Kind.QUESTION),
    **dict.fromkeys("!¡", Kind.EXCLAMATION),
    **dict.fromkeys("-–—−‑", Kind.DASH),
    **dict.fromkeys("\"'«»“”„‘’`", Kind.QUOTE),
    ")": Kind.SMILE,
    "(": Kind.SAD,
    ",": Kind.COMMA,
    ".": Kind.STOP,
    BREAK: Kind.EDGE,
    LINK: Kind.LINK,
    EMAIL: Kind.EMAIL,
    PHONE: Kind.PHONE,
    MENTION: Kind.MENTION,
    MONEY: Kind.MONEY,
}

# Cyrillic letters of other languages that look like (or are typed for) a Russian one and do not decompose.
_FOREIGN_CYRILLIC = dict(
    zip("іїєґѕҙөүұқҝғңһҳҷәӏҏҭӈҥӷҕҽӄҟҡҫӡԑѻѣѵԛԝԁ", "ииегсзоууккгнххчэ1ртннггчккксзэоеиqwd", strict=True)
)

_LATIN_LETTERS = 26
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def _kind(char: str) -> Kind:
    if (mark := _MARKS.get(char)) is not None:
        return mark
    category = unicodedata.category(char)
    code = ord(char)
    if category in ("Cf", "Mn", "Me", "Mc") or code in _SKIN_TONES or code in (0x115F, 0x1160, 0x3164, 0x2800):
        return Kind.INVISIBLE
    if category[0] == "Z" or category == "Cc":
        return Kind.SPACE
    if category == "Nd":
        return Kind.DIGIT
    if category[0] == "L":
        upper = category in ("Lu", "Lt")
        if 0x400 <= code < 0x530:
            return Kind.UPPER if upper else Kind.LOWER
        if code < 0x250:
            return Kind.LATIN_UPPER if upper else Kind.LATIN
        return Kind.LETTER
    if category == "Sc":
        return Kind.CURRENCY
    if category == "So":
        return Kind.EMOJI
    return Kind.OTHER


def _fold(char: str) -> str:
    """`char` in lower case without its accent; й stays й, ё becomes е; whitespace and controls become a space."""
    lower = GREEK_CAPITALS.get(char, char.lower()[0])
    if lower == "ë":
        return "е"  # a Latin letter, but on Russian keyboards of some phones and so typed in earnest
    if lower != "й":
        lower = unicodedata.normalize("NFD", lower)[0]
    lower = _FOREIGN_CYRILLIC.get(lower, lower)
    if unicodedata.category(lower) == "Nd":
        return str(unicodedata.digit(lower))
    if lower in "«»“”„‘’`":
        return '"'
    if lower in "–—−‑":
        return "-"
    return " " if _kind(lower) in (Kind.SPACE, Kind.NEWLINE) else lower


def _tables() -> tuple[NDArray[np.uint8], Codes]:
    kinds = np.full(LIMIT, Kind.OTHER, dtype=np.uint8)
    folds = np.arange(LIMIT, dtype=np.uint32)
    # Every alphabet that has case, digits or accents lives in these ranges once NFKC has been applied.
    for first, last in ((0x0, 0x3400), (0xA4D0, 0xA500), (0xA640, 0xA7FF), (0xAB70, 0xABC0), (0xFE00, 0xFFFF)):
        for code in range(first, last):
            kinds[code] = _kind(chr(code))
            folds[code] = ord(_fold(chr(code)))
    kinds[0x3400:0xA000] = Kind.LETTER  # ideographs
    kinds[0xAC00:0xD7A4] = Kind.LETTER  # Hangul
    for char in (BREAK, *TOKENS):
        kinds[ord(char)] = _kind(char)
    kinds[0x1F000:LIMIT] = Kind.EMOJI
    for code in ENCLOSED:
        if (place := (code - ENCLOSED.start) % 32) < _LATIN_LETTERS:
            folds[code] = ord("a") + place
    kinds[_SKIN_TONES.start : _SKIN_TONES.stop] = Kind.INVISIBLE
    folds[0xD800:0xE000] = 0xFFFD  # a lone surrogate is half of something lost
    kinds[0xFFFD] = Kind.OTHER
    kinds[LIMIT - 1] = Kind.INVISIBLE  # where everything beyond the limit is clipped to
    return kinds, folds


KIND_OF, FOLD_OF = _tables()
"""Indexed by code point: its `Kind`, and what it folds to."""

MAX_PILE = 4
"""Combining marks that one letter may carry; no language needs more."""


def _pile() -> re.Pattern[str]:
    """Matches a longer pile of marks; all of them lie below LIMIT."""
    ranges: list[list[int]] = []
    for code in range(0x300, LIMIT):
        if unicodedata.combining(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    marks = "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
    return re.compile(f"[{marks}]{{{MAX_PILE + 1},}}")


PILE = _pile()

CYRILLIC, LATIN, FIGURE, ALPHABET, DOUBLE, UNLIKE = 1, 2, 4, 8, 16, 32
"""What a folded character can be part of a word as; bits, so that a word's characters can be OR-ed together.

DOUBLE is in `doubles.SHAPE_OF`, ALPHABET any other letter; a Latin letter that looks like no Russian one is UNLIKE too.
"""


def _word_parts() -> NDArray[np.uint8]:
    parts = np.zeros(LIMIT, dtype=np.uint8)
    parts[ord("0") : ord("9") + 1] = FIGURE
    for kind, part in (
        (Kind.LOWER, CYRILLIC), (Kind.UPPER, CYRILLIC), (Kind.LATIN, LATIN), (Kind.LATIN_UPPER, LATIN),
        (Kind.LETTER, ALPHABET),
    ):  # fmt: skip
        parts[kind == KIND_OF] = part
    parts[[code for code in np.flatnonzero(parts == LATIN) if chr(code) not in TWINS]] |= UNLIKE
    parts[[ord(char) for char in SHAPE_OF]] = DOUBLE
    return parts


PART_OF = _word_parts()
"""Indexed by folded code point: what it is in a word, or 0 for what is in none."""
