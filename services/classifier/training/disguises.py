"""Ten ways in which a text is disguised to slip past a filter while a person still reads it; pure, and seeded.

How strong: where real spam shows it, as there. Of 7,868 spam messages in Russian Telegram chats 23 % mix alphabets
within words: 57 % of the words, and in these 60 to 70 % of а, е, о, р, с, у, х and of the capitals that have a double,
and hardly any other letter; 8 % use Greek letters or small capitals, for a seventh of all their letters; 4 % put
figures between letters, nearly always 0 and 6, a tenth of them for half of all о and б. The rest is as strong as a
reader still puts up with. Only Cyrillic words are touched, so that links, telephones and e-mail addresses keep working,
as they do in real spam.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping, Sequence

Disguise = Callable[[str, random.Random], str]

DOUBLES = 0.65
"""Share of the letters with a Latin double that are exchanged."""
FOREIGN = 0.35
"""Share of the letters with a Greek double or a small capital that are exchanged."""
FIGURES = 0.3
"""Share of the letters with a figure of that shape that are exchanged."""
TAKEN_APART = 0.35
"""Share of the words from MIN_LETTERS letters on that are spaced, dotted, or stretched."""
MIN_LETTERS = 4
INVISIBLE = 0.25
"""Share of the places between two letters that get an invisible character."""
EMOJI_BETWEEN = 0.3
"""Share of the words that an emoji follows, and of those, half without a space."""
EMOJI_INSIDE = 0.1
"""Share of the longer words that have an emoji inside."""
MISTYPED = 0.3
"""Share of the longer words with a mistake."""
GLUED = 0.1
"""Share of the spaces that are left out."""

_WORD = re.compile(r"[А-Яа-яЁё]+")
_LATIN = dict(zip("аеорсухАВЕКМНОРСТУХ", "aeopcyxABEKMHOPCTYX", strict=True))
_FOREIGN = {
    "а": "αᴀ", "в": "ʙ", "г": "ᴦ", "е": "εᴇ", "к": "κᴋ", "л": "ᴧ", "м": "ᴍ", "н": "ʜ", "о": "σοᴏ", "п": "πᴨ", "р": "ρᴘ",
    "с": "ᴄ", "т": "ᴛτ", "у": "γʏ", "А": "Α", "В": "Β", "Е": "Ε", "К": "Κ", "М": "Μ", "Н": "Η", "О": "Ο", "П": "Π",
    "Р": "Ρ", "Т": "Τ", "Х": "Χ",
}  # fmt: skip
_FIGURES = dict(zip("озчбОЗЧБ", "03460346", strict=True))
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_VOWELS = frozenset("аеёиоуыэюяАЕЁИОУЫЭЮЯ")
_SEPARATORS = "._-*"
_EMOJI = ("🔥", "💰", "❗", "✅", "👉", "😍", "🎁", "💥", "⭐", "🚀")


def latin(text: str, chance: random.Random) -> str:
    """Latin letters that look the same: "рaбoта"."""
    return _letters(text, lambda char: _LATIN[char] if char in _LATIN and chance.random() < DOUBLES else char)


def greek(text: str, chance: random.Random) -> str:
    """Greek letters and small capitals: "ραбσᴛα"."""
    return _letters(
        text, lambda char: chance.choice(_FOREIGN[char]) if char in _FOREIGN and chance.random() < FOREIGN else char
    )


def figures(text: str, chance: random.Random) -> str:
    """Figures of a letter's shape: "раб0та", "3аработок"."""
    return _letters(text, lambda char: _FIGURES[char] if char in _FIGURES and chance.random() < FIGURES else char)


def spaced(text: str, chance: random.Random) -> str:
    """Some words letter by letter: "р а б о т а"."""
    return _words(text, lambda word: " ".join(word) if chance.random() < TAKEN_APART else word)


def dotted(text: str, chance: random.Random) -> str:
    """Some words with a mark between the letters: "р.а.б.о.т.а"."""
    return _words(text, lambda word: chance.choice(_SEPARATORS).join(word) if chance.random() < TAKEN_APART else word)


def invisible(text: str, chance: random.Random) -> str:
    """Characters without width between letters."""

    def sown(word: str) -> str:
        parts = [char + (chance.choice(_INVISIBLE) if chance.random() < INVISIBLE else "") for char in word[:-1]]
        return "".join(parts) + word[-1]

    return _WORD.sub(lambda found: sown(found[0]), text)


def stretched(text: str, chance: random.Random) -> str:
    """Some words with one vowel drawn out: "рабоооота"."""

    def drawn(word: str) -> str:
        vowels = [place for place, char in enumerate(word) if char in _VOWELS]
        if not vowels or chance.random() >= TAKEN_APART:
            return word
        place = chance.choice(vowels)
        return word[:place] + word[place] * chance.randint(3, 6) + word[place + 1 :]

    return _words(text, drawn)


def cased(text: str, chance: random.Random) -> str:
    """Capitals at random: "рАбОТа"."""
    return _letters(text, lambda char: char.upper() if chance.random() < 0.5 else char.lower())


def emoji(text: str, chance: random.Random) -> str:
    """Emoji after words and inside some: "рабо🔥та"."""

    def adorned(found: re.Match[str]) -> str:
        word = found[0]
        if len(word) > MIN_LETTERS and chance.random() < EMOJI_INSIDE:
            place = chance.randint(2, len(word) - 2)
            word = word[:place] + chance.choice(_EMOJI) + word[place:]
        if chance.random() < EMOJI_BETWEEN:
            word += chance.choice(("", " ")) + chance.choice(_EMOJI)
        return word

    return _WORD.sub(adorned, text)


def mistyped(text: str, chance: random.Random) -> str:
    """Letters swapped, left out or doubled, and spaces left out: "рабтоа", "наработу"."""

    def wrong(word: str) -> str:
        if chance.random() >= MISTYPED:
            return word
        place = chance.randint(1, len(word) - 2)
        swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        return chance.choice((swapped, word[:place] + word[place + 1 :], word[: place + 1] + word[place:]))

    glued = re.sub(r"(?<=[А-Яа-яЁё]) (?=[А-Яа-яЁё])", lambda _: "" if chance.random() < GLUED else " ", text)
    return _words(glued, wrong)


DISGUISES: Mapping[str, Disguise] = {
    "latin": latin,
    "greek": greek,
    "figures": figures,
    "spaced": spaced,
    "dotted": dotted,
    "invisible": invisible,
    "stretched": stretched,
    "cased": cased,
    "emoji": emoji,
    "mistyped": mistyped,
}
"""By name; each function says what it does."""


def disguised(name: str, texts: Sequence[str], *, seed: int = 0) -> list[str]:
    """Every text in one disguise: the same for the same text, name and seed, whatever else is asked."""
    return [DISGUISES[name](text, _chance(name, text, seed)) for text in texts]


def _chance(name: str, text: str, seed: int) -> random.Random:
    key = f"{seed} {name} {text}".encode("utf-8", "surrogatepass")
    return random.Random(hashlib.blake2s(key).digest())  # noqa: S311 - chance that can be repeated, no secret


def _letters(text: str, change: Callable[[str], str]) -> str:
    return _WORD.sub(lambda found: "".join(map(change, found[0])), text)


def _words(text: str, change: Callable[[str], str]) -> str:
    return _WORD.sub(lambda found: change(found[0]) if len(found[0]) >= MIN_LETTERS else found[0], text)
