"""Words written with another alphabet's letters to slip past filters: what a reader sees in them."""

from __future__ import annotations

from services.classifier.letters import CYRILLIC, FIGURE, LATIN, PART_OF

TO_CYRILLIC = dict(zip("abcehikmnoprtuxy", "авсеникмпоргтиху", strict=True))
"""Latin letters, upper or lower case, that look like a Russian one or are typed for it."""
TO_LATIN = dict(zip("авсенкмортху", "abcehkmoptxy", strict=True))
FIGURE_TO_CYRILLIC = {"0": "о", "3": "з", "4": "ч", "6": "б"}


def reveal(word: str) -> str:
    """A folded word of letters and figures as it is meant to be read; always as long as `word`.

    A word of both alphabets is read as Russian, unless most of it is Latin and its Cyrillic letters all have a double
    there (then they are the disguise). Figures count as letters between two Cyrillic ones, and beside one in a word of
    both alphabets.
    """
    parts = [int(PART_OF[ord(char)]) for char in word]
    latin = [char for char, part in zip(word, parts, strict=True) if part == LATIN]
    cyrillic = [char for char, part in zip(word, parts, strict=True) if part == CYRILLIC]
    mixed = bool(latin and cyrillic)
    if len(latin) > len(cyrillic) > 0 and not TO_CYRILLIC.keys() >= set(latin) and TO_LATIN.keys() >= set(cyrillic):
        return "".join(TO_LATIN.get(char, char) for char in word)
    if mixed:
        word = "".join(TO_CYRILLIC.get(char, char) for char in word)
        parts = [int(PART_OF[ord(char)]) for char in word]
    shown = list(word)
    for place, part in enumerate(parts):
        if part != FIGURE:
            continue
        before = place > 0 and parts[place - 1] == CYRILLIC
        after = place + 1 < len(parts) and parts[place + 1] == CYRILLIC
        if (before and after) or (mixed and (before or after)):
            shown[place] = FIGURE_TO_CYRILLIC.get(shown[place], shown[place])
    return "".join(shown)
