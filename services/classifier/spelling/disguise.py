"""Words written with other alphabets' letters or with figures to slip past filters: what a reader sees in them."""

from __future__ import annotations

import re

from services.classifier.spelling.doubles import BY_SOUND, GREEK, LIVING, SHAPE_OF, TO_CYRILLIC, TO_LATIN, TWINS

FIGURE_TO_CYRILLIC = {"0": "о", "3": "з", "4": "ч", "6": "б", "7": "т", "8": "в"}

_LATIN, _CYRILLIC = "a-z", "а-яѐ-џ"
_ORDINARY = re.compile(f"[{_LATIN}{_CYRILLIC}0-9]+")
_INFLECTED = re.compile(f"[{_LATIN}]{{2,}}[{_CYRILLIC}]+")
"""A Latin name with a Russian ending: "telegramом"."""
_COMPOUND = re.compile(f"[{_CYRILLIC}]+[{_LATIN}]{{3,}}")
"""A Latin name with Russian before it: "экоlife"."""
_STRAY = re.compile(f"n[{_CYRILLIC}]+|[{_CYRILLIC}]+n[0-9]+[{_CYRILLIC}]*")
"""An n that is no letter: of a line break ("\\\\n") that lost its backslash, or for "№"."""
_SMALL_TWINS = frozenset("аеорсух")
"""Russian letters whose small letter, too, is drawn like the Latin one."""
_ADDRESS = re.compile(r"\d?(?:(?:д|дом|к|кор|корп|корпус|кв|квартира|с|стр|лит|п|под|эт|мкр)[1-9])+[а-я]{0,2}")
"""Its figures are numbers: "д4к3", "дом6кв8"."""
_UNIT = re.compile(
    r"г|гр|й|е|я|х|го|к|кг|км|кв|м|мм|см|мл|л|р|руб\w*|коп\w*|шт|тыс\w*|млн|ч|час\w*|мин\w*|лет|дн\w*|балл\w*|градус\w*"
    r"|процент\w*"
)
_BEGINNING = re.compile(
    r"0[а-я]"
    r"|3(?:а(?:[бвдктщ]|р[апе]|п[^ар]|[мн][аеио]|яв)|др|вон|нак|есь|дес)[а-я]"
    r"|4(?:то(?:б\w?)?$|(?:ем|ер|ет|ел|аст|ита)[а-я])"
    r"|6(?:ез$|(?:ез[^а]|ыл|ыс|ол|ыт|юд|ес[пцкш]|он[уя]|ума|анк)[а-я])"
    r"|7(?:ак|ол|ех|ыс|елеф)[а-я]"
    r"|8(?:ас|ам|аш|ып|еч|сег|ер|ыс|ыв|ыд|ыб|ын|ыг|ыр|рем|опр|зят|лож)[а-я]"
)
"""A figure that is the first letter of a word, told from a number before one ("6ез", but "6этаж") by what follows."""
_NUMBER, _LONG_NUMBER = re.compile(r"\d\d"), re.compile(r"\d\d\d|\d\d$|^\d\d")
MIN_LETTERS = 3
"""Letters a word must have for figures in it to be read as such: "р4к" is a name."""


def reveal(word: str) -> str:
    """A folded word of letters and figures as it is meant to be read; always as long as `word`.

    A word of several alphabets is read as Russian, unless most of it is Latin and its Cyrillic letters all have a
    double there (then they are the disguise). A Latin name with a Russian ending stays, as does a word in one living
    alphabet.
    Figures count as letters within Russian words, at their beginning where no number could stand there, and at their
    end where another letter was disguised or the figure is a 0.
    """
    shaped = word if _ORDINARY.fullmatch(word) else _shaped(word)
    latin = [char for char in shaped if "a" <= char <= "z"]
    cyrillic = [char for char in shaped if "Ѐ" <= char <= "џ"]
    if latin and cyrillic:
        shaped = _one_alphabet(shaped, latin, cyrillic)
    elif latin and shaped != word and set(latin) <= TWINS:
        # All small capitals: Russian, if it can be.
        shaped = _translated(shaped, TO_CYRILLIC)
    if any(char.isascii() and char.isdigit() for char in shaped) and any("а" <= char <= "я" for char in shaped):
        shaped = _with_figures(shaped, disguised=shaped != word)
    return shaped


def _shaped(word: str) -> str:
    foreign = [char for char in word if char in SHAPE_OF]
    if not any("Ѐ" <= char <= "џ" for char in word) and LIVING.issuperset(foreign):
        greek = sum(char in GREEK for char in foreign)
        latin = sum("a" <= char <= "z" for char in word)
        if greek < len(foreign) or not 0 < greek <= latin or greek + latin <= MIN_LETTERS:
            return word  # a word of its language, or a unit
    return _translated(word, SHAPE_OF)


def _one_alphabet(word: str, latin: list[str], cyrillic: list[str]) -> str:
    if _STRAY.fullmatch(word):
        return word
    names = not set(latin) <= TWINS  # some of its Latin letters look like no Russian one
    clear = not TO_CYRILLIC.keys() >= set(latin)  # nor are typed for one
    if (clear or ((names or word.startswith("max")) and len(latin) > MIN_LETTERS - 1)) and _INFLECTED.fullmatch(word):
        return word
    mostly = len(latin) > len(cyrillic)
    if _SMALL_TWINS.issuperset(cyrillic) and (clear or (names and mostly)):
        return _translated(word, TO_LATIN)
    if clear and mostly and TO_LATIN.keys() >= set(cyrillic):
        return _translated(word, TO_LATIN)
    if names and _COMPOUND.fullmatch(word):
        return word
    word = _translated(word, TO_CYRILLIC)
    left = [char for char in word if "a" <= char <= "z"]
    if left and BY_SOUND.keys() >= set(left) and len(left) * 2 < len(latin) + len(cyrillic) and len(latin) > len(left):
        word = _translated(word, BY_SOUND)
    return word


def _with_figures(word: str, *, disguised: bool) -> str:
    figures = [place for place, char in enumerate(word) if char.isascii() and char.isdigit()]
    if not FIGURE_TO_CYRILLIC.keys() >= {word[place] for place in figures}:
        return word
    if (_LONG_NUMBER if disguised else _NUMBER).search(word) or _ADDRESS.fullmatch(word):
        return word
    letters, last = len(word) - len(figures), len(word) - 1
    inner = [place for place in figures if 0 < place < last]
    if letters < len(figures) or (letters < MIN_LETTERS and any(word[place] != "0" for place in inner)):
        inner = []
    read = set(inner)
    if not _UNIT.fullmatch(word, 1) and (
        _BEGINNING.match(word) or ((inner or (disguised and word[0] in "036")) and letters >= MIN_LETTERS)
    ):
        read.add(0)
    if (word[last] == "0" and letters > 1) or (inner and letters >= MIN_LETTERS):
        read.add(last)
    return "".join([FIGURE_TO_CYRILLIC.get(char, char) if place in read else char for place, char in enumerate(word)])


def _translated(word: str, letters: dict[str, str]) -> str:
    return "".join([letters.get(char, char) for char in word])
