"""Words written letter by letter ("р а б о т а", "з.а.й.м", "к_р_е_д_и_т"): found in a batch, and joined again.

Almost every text has none, which a few operations on arrays tell; only where several single letters follow one another
Python looks at them one by one, in linear time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling import letters
from services.classifier.spelling.letters import ALPHABET, FIGURE, Codes, Kind

MAX_GAP = 3
"""Characters between two letters of one word, at most."""
MIN_LETTERS = 4
"""Fewer are initials ("А. С. П."), shortened words ("и т. д.") or one-letter words ("и я в")."""
MIN_MARKED_LETTERS = 3
"""With a mark between them that serves no abbreviation."""
MIN_STOPPED_LETTERS = 6
"""With a stop and a space: "к. т. н. А. С. П." is honest."""

_MARKS = frozenset(map(ord, "_*|~•·°"))
_NO_GAPS = frozenset(map(ord, f",;:()[]+={letters.BREAK}{letters.TOKENS}"))
"""They part the items of a list, or texts."""
_WORDS = frozenset(map(ord, "аиовксуяэб"))
"""Russian words of one letter."""
_SHAPES = frozenset(map(ord, "03468"))
"""Figures that can stand for a letter."""
_EMOJI = -1
_SPACE, _STOP = ord(" "), ord(".")

Word = list[int]
"""Numbers of the pieces that make one word, two at least; they follow one another."""
Gap = tuple[int | None, int]
"""The sign in the middle between two pieces, None where it parts them for good, and how wide the gap is."""


def spelt_words(
    codes: Codes, part: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> list[Word]:
    """Which of the pieces `codes[starts[i]:stops[i]]`, letters and figures each, belong to one word, in order.

    Joined are at least MIN_LETTERS single letters with the same sign between them; wider gaps of that sign part words.
    Letters in alphabetical order are a list; figures may be letters where they are the smaller part by far.
    """
    single = stops - starts == 1
    # linked[i]: pieces i and i + 1 are single characters, close to each other.
    linked = single[1:] & single[:-1] & (starts[1:] - stops[:-1] <= MAX_GAP)
    heads = np.flatnonzero(linked[1:] & linked[:-1])
    if not heads.size:
        return []
    words: list[Word] = []
    breaks = np.flatnonzero(np.diff(heads) > 1)
    for first, last in zip(heads[np.r_[0, breaks + 1]].tolist(), heads[np.r_[breaks, -1]].tolist(), strict=True):
        run = slice(first, last + 3)
        chars = codes[starts[run]].tolist()
        gaps = [
            _gap(codes[stop:start].tolist())
            for stop, start in zip(stops[run][:-1].tolist(), starts[run][1:].tolist(), strict=True)
        ]
        usable = [
            not kind & ALPHABET and (kind != FIGURE or char in _SHAPES)
            for kind, char in zip(part[starts[run]].tolist(), chars, strict=True)
        ]
        for begin, end in _groups(gaps, usable):
            inner = gaps[begin : end - 1]
            spelt = list(_parted(first + begin, inner))
            if _are_spelt(chars[begin:end], inner, longest=max(map(len, spelt))):
                words += spelt
    return words


def _gap(codes: list[int]) -> Gap:
    middle = codes[(len(codes) - 1) // 2]
    if any(code in _NO_GAPS for code in codes):
        return None, len(codes)
    return (_EMOJI if letters.KIND_OF[middle] == Kind.EMOJI else middle), len(codes)


def _groups(gaps: list[Gap], usable: list[bool]) -> Iterator[tuple[int, int]]:
    """The longest stretches of usable pieces with one sign between them: first and last + 1.

    They share no piece: the one where the sign changes belongs to the stretch that is not spaced, else to the first.
    """
    signs = [
        sign if before and after else None
        for (sign, _), before, after in zip(gaps, usable[:-1], usable[1:], strict=True)
    ]
    runs = [(sign, len(list(run))) for sign, run in groupby(signs)]
    runs.append((None, 0))
    first = used = 0
    for (sign, length), (following, more) in pairwise(runs):
        last = first + length
        if sign is not None and length >= MIN_MARKED_LETTERS - 1:
            begin, used = max(first, used), last + 1
            if sign == _SPACE and following is not None and more >= MIN_LETTERS - 1:
                used = last
            if used - begin >= MIN_MARKED_LETTERS:
                yield begin, used
        first = last


def _are_spelt(chars: list[int], gaps: list[Gap], *, longest: int) -> bool:
    sign, narrow = gaps[0][0], min(width for _, width in gaps)
    least = MIN_LETTERS
    if sign in _MARKS:
        least = MIN_MARKED_LETTERS
    elif sign == _STOP and narrow > 1:
        least = MIN_STOPPED_LETTERS
    figures = sum(char in _SHAPES for char in chars)
    if longest < least or figures * 3 > len(chars) or all(before < after for before, after in pairwise(chars)):
        return False
    return sign != _SPACE or len(chars) - figures > MIN_LETTERS or not (figures or _WORDS.issuperset(chars))


def _parted(begin: int, gaps: list[Gap]) -> Iterator[Word]:
    narrow = min(width for _, width in gaps)
    word = [begin]
    for place, (_, width) in enumerate(gaps, begin + 1):
        if width > narrow:
            if len(word) > 1:
                yield word
            word = []
        word.append(place)
    if len(word) > 1:
        yield word
