"""Names the language of a comment that is not Russian; says nothing where it cannot tell.

Built for a stream that is almost all Russian: what is plainly Russian is passed over after a look at one regular
expression and one count. For the rest the script decides, or the letters and the commonest words of each language
(`tongues`). Why no library does this: docs/adr/languages.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling import patterns
from services.classifier.spelling.letters import Kind
from services.classifier.tongues import CYRILLIC, LATIN, PERSIAN, RUSSIAN, SCRIPTS, Tongue

MIN_LETTERS = 10
"""Shorter texts are not named, but for scripts that only one language has, of which MIN_SIGNS are enough."""
MIN_SIGNS = 3
MAX_CHARACTERS = 2_000
"""What is looked at; a language does not change the longer one reads."""
WORD, LETTER, WRONG, LACKING = 3.0, 1.0, 3.0, 2.0
"""What a common word (once), a letter of the language, a letter of another one and one that it lacks count."""
MAX_LETTERS = 6
"""Letters that count, so that a long text of one foreign name is not taken for its language."""
MIN_SCORE = 4.0
"""Two common words, or one and a letter, or the letters alone."""
MARGIN = 1.0
"""By which the best must be ahead of Russian."""

NEAR = frozenset({"uk", "be"})
"""Languages near enough to Russian for the model to read their words."""

_FOREIGN = re.compile("[\u0450\u0452-\u045f\u0460-\u052fæ]")
"""Cyrillic letters that Russian has not."""
_RUSSIAN = re.compile(
    r"(?:^|[^\w])(?:и|в|не|на|что|с|по|как|у|за|это|для|от|к|но|так|вс[её]|мы|вы|из|нет|есть|когда|где|уже|же|или|он"
    r"|вас|вам|нам|нас|там|здравствуйте|добрый|спасибо|почему|подскажите|пожалуйста|очень|можно|только|ещ[её]|до|будет)"
    r"(?![\w])",
    re.IGNORECASE,
)
_COMMONEST = (" не ", " и ", " в ", " на ")
"""What _RUSSIAN finds first in most texts; looked for as they are, in a tenth of its time."""
_WORDS = re.compile(r"[^\W\d_]+(?:['ʻʼ’‘`-][^\W\d_]+)*")
_APOSTROPHES = str.maketrans("ʻʼ’‘`", "'''''")
_PALOCHKA = re.compile(r"(?<=[а-яё])[1iIlӏӀ|](?=[а-яё\s]|$)|\b[1IӀ](?=[а-яё])")
_COMMON = frozenset(word for tongue in (*CYRILLIC, *LATIN) for word in tongue.words)
_LETTERS = frozenset(char for tongue in (*CYRILLIC, *LATIN) for char in tongue.letters)
_LATIN_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz")
_RUSSIAN_ALPHABET = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")
_CYRILLIC_KINDS, _OTHER_KINDS = [Kind.LOWER, Kind.UPPER], [Kind.LATIN, Kind.LATIN_UPPER, Kind.LETTER]


def languages(texts: Sequence[str], counts: NDArray[np.int32]) -> list[str | None]:
    """For each text the code of its language (ISO 639); None for Russian, for what is too short, and for the unknown.

    `counts` are those of `text.clean_batch(texts)`. A text in two languages has the one that prevails; Russian in the
    look-alike letters of others, or in Latin ones, is Russian. Takes any `str`.
    """
    cyrillic = counts[:, _CYRILLIC_KINDS].sum(axis=1)
    other = counts[:, _OTHER_KINDS].sum(axis=1)
    named: list[str | None] = [None] * len(texts)
    mostly_foreign = other > cyrillic
    for index in np.flatnonzero((cyrillic + other) >= MIN_SIGNS).tolist():
        text = texts[index][:MAX_CHARACTERS]
        if mostly_foreign[index]:
            named[index] = _of_other_script(_without_addresses(text), alone=not cyrillic[index])
        elif cyrillic[index] >= MIN_LETTERS and (_FOREIGN.search(text) or not _plainly_russian(text)):
            named[index] = _of_words(_cyrillic_words(_without_addresses(text)), CYRILLIC, _RUSSIAN_ALPHABET)
    return named


def _plainly_russian(text: str) -> bool:
    return any(word in text for word in _COMMONEST) or _RUSSIAN.search(text) is not None


def _without_addresses(text: str) -> str:
    """Their Latin letters are of no language."""
    if "." in text or "@" in text:
        for pattern in (patterns.EMAIL, patterns.HANDLE, patterns.LINK):
            text = pattern.sub(" ", text)
    return text


def _of_other_script(text: str, *, alone: bool) -> str | None:
    signs = Counter(
        next((code for code, first, last in SCRIPTS if first <= ord(char) <= last), "")
        for char in text
        if not char.isascii() and char.isalpha()
    )
    letters = sum(char.isalpha() for char in text)
    kana = signs["ja"]
    code, most = signs.most_common(1)[0] if signs else ("", 0)
    if code and most * 2 > letters and most >= MIN_SIGNS and (alone or code != "el"):
        if code == "zh" and kana:
            return "ja"
        return "fa" if code == "ar" and not PERSIAN.isdisjoint(text) else code
    if letters < MIN_LETTERS:
        return None
    return _of_words(_latin_words(text), LATIN, _LATIN_ALPHABET)


def _of_words(words: list[str], tongues: Iterable[Tongue], alphabet: frozenset[str]) -> str | None:
    if len(_COMMON.intersection(words)) * WORD < MIN_SCORE and _LETTERS.isdisjoint("".join(words)):
        # Neither common words nor letters could add up to the lowest score.
        return None
    letters = Counter("".join(words))
    foreign = {char: count for char, count in letters.items() if char not in alphabet and char not in "'-"}
    best, most = None, 0.0
    for tongue in tongues:
        score = _score(tongue, words, letters, foreign)
        if score > most:
            best, most = tongue.code, score
    russian = _score(RUSSIAN, words, letters, foreign)
    return best if most >= MIN_SCORE and most >= russian + MARGIN and best != RUSSIAN.code else None


def _score(tongue: Tongue, words: list[str], letters: Counter[str], foreign: dict[str, int]) -> float:
    common = len(tongue.words.intersection(words))
    own = sum(count for char, count in foreign.items() if char in tongue.letters)
    wrong = sum(foreign.values()) - own
    lacking = sum(letters[char] for char in tongue.lacks)
    return WORD * common + LETTER * min(own, MAX_LETTERS) - WRONG * wrong - LACKING * lacking


def _cyrillic_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text.lower().translate(_APOSTROPHES))
    return _WORDS.findall(_PALOCHKA.sub("ӏ", text))


def _latin_words(text: str) -> list[str]:
    words = _WORDS.findall(unicodedata.normalize("NFC", text.lower()).translate(_APOSTROPHES))
    return [word for word in words if len(word) > 1]  # "i" and "o" are words in too many languages
