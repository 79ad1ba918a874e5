"""The second half of cleaning: a batch as one array of code points, without look-alikes, gaps and repetitions.

It begins where addresses and numbers have become tokens (`text`). The arrays hold BREAK, text, BREAK, text, …, BREAK.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling import letters
from services.classifier.spelling.disguise import reveal
from services.classifier.spelling.doubles import RUSSIAN_IN_TWINS
from services.classifier.spelling.letters import BREAK, CYRILLIC, DOUBLE, FIGURE, LATIN, Codes, Kind
from services.classifier.spelling.spaced import spelt_words

Places = NDArray[np.int64]

_EDGE = ord(BREAK)
_LONGEST_TWIN = max(map(len, RUSSIAN_IN_TWINS))
_AT_THE_BEGINNING = np.isin(np.arange(letters.LIMIT), [ord(figure) for figure in "034678"])
"""Figures that may stand for the first letter of a word."""


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of `n` cleaned texts.

    `codes` holds BREAK, text, BREAK, text, …, BREAK as code points; `edges` are the n + 1 places of BREAK in it;
    `counts[i, kind]` is how many raw characters of each `letters.Kind` text i had (tokens counted as one);
    `disguised[i]` is how many of its words were written with foreign letters or figures, `joined[i]` how many were
    written letter by letter.
    """

    codes: Codes
    edges: Places
    counts: NDArray[np.int32]
    disguised: NDArray[np.int32]
    joined: NDArray[np.int32]


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """A cleaned batch and what became of it: where each of its codes stood in the raw array, and the first place and
    the place after the last of the words that were `joined` and that were `revealed`."""

    cleaned: Cleaned
    places: Places
    joined: tuple[Places, Places]
    revealed: tuple[Places, Places]


def code_points(joined: str) -> Codes:
    """Of every character; those beyond the tables are clipped to one that is dropped."""
    raw: Codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32, copy=False)
    return raw.clip(max=letters.LIMIT - 1)


def fold(raw: Codes, size: int, *, trace: bool = False) -> Folded:
    """The `size` texts of `raw`; their `places` are left empty unless they shall be traced, to save the time."""
    kinds = letters.KIND_OF[raw]
    counts = _counts(kinds, size)
    codes = letters.FOLD_OF[raw]
    places = np.arange(len(raw) if trace else 0)
    visible = kinds != Kind.INVISIBLE
    if not visible.all():
        codes, places = codes[visible], places[visible] if trace else places
    if (kept := _unrepeated(codes)) is not None:
        codes, places = codes[kept], places[kept] if trace else places
    pieces = _Pieces(codes)
    joined = _NOWHERE
    if spelt := spelt_words(codes, pieces.part, pieces.starts, pieces.stops):
        kept = np.ones(len(codes), dtype=bool)
        begun = np.zeros(len(codes), dtype=bool)
        for word in spelt:
            kept[pieces.starts[word[0]] : pieces.stops[word[-1]]] = False
            kept[pieces.starts[word]] = True
            begun[pieces.starts[word[0]]] = True
        codes, begun, places = codes[kept], begun[kept], places[kept] if trace else places
        if (kept := _unrepeated(codes)) is not None:
            codes, begun, places = codes[kept], begun[kept], places[kept] if trace else places
        pieces = _Pieces(codes)
        joined = np.flatnonzero(begun[pieces.starts])
    edges = np.flatnonzero(codes == _EDGE)
    revealed = _reveal(codes, pieces, edges)
    cleaned = Cleaned(
        codes=codes,
        edges=edges,
        counts=counts,
        disguised=_per_text(pieces.starts[revealed], edges),
        joined=_per_text(pieces.starts[joined], edges),
    )
    return Folded(
        cleaned=cleaned,
        places=places,
        joined=(pieces.starts[joined], pieces.stops[joined]),
        revealed=(pieces.starts[revealed], pieces.stops[revealed]),
    )


class _Pieces:
    """The words of a batch, runs of letters and figures: `codes[starts[i]:stops[i]]`."""

    def __init__(self, codes: Codes) -> None:
        self.part = letters.PART_OF[codes]
        inside = self.part != 0
        # The first and the last place are edges.
        self.starts: Places = np.flatnonzero(inside[1:] & ~inside[:-1]) + 1
        self.stops: Places = np.flatnonzero(inside[:-1] & ~inside[1:]) + 1


_NOWHERE: Places = np.empty(0, dtype=np.int64)


def _counts(kinds: NDArray[np.uint8], size: int) -> NDArray[np.int32]:
    edges = np.flatnonzero(kinds == Kind.EDGE)
    # Text i owns the places from its own edge up to the next one; the last edge is nobody's.
    places = np.repeat(np.arange(size, dtype=np.int32) * letters.KINDS, np.diff(edges))
    flat = np.bincount(places + kinds[:-1], minlength=size * letters.KINDS)
    return flat.astype(np.int32).reshape(size, letters.KINDS)


def _per_text(places: Places, edges: Places) -> NDArray[np.int32]:
    if not places.size:
        return np.zeros(len(edges) - 1, dtype=np.int32)
    texts = np.searchsorted(edges, places) - 1
    return np.bincount(texts, minlength=len(edges) - 1).astype(np.int32)


def _unrepeated(codes: Codes) -> NDArray[np.bool_] | None:
    """What stays when three or more equal letters in a row become one, three or more equal marks two, and figures stay;
    None if all do. Doing it twice is doing it once."""
    same = codes[1:] == codes[:-1]  # same[i]: character i + 1 repeats character i
    triple = same[1:] & same[:-1]  # triple[i]: characters i, i + 1, i + 2 are equal
    if not triple.any():
        return None
    third = np.zeros(len(codes), dtype=bool)
    third[2:] = triple
    in_run = third.copy()
    in_run[1:-1] |= triple  # the second of three; the first stays
    part = letters.PART_OF[codes]
    drop = np.where((part == 0), third, in_run) & (part != FIGURE) & (codes != _EDGE)
    kept: NDArray[np.bool_] = ~drop
    return kept


def _reveal(codes: Codes, pieces: _Pieces, edges: Places) -> Places:
    """Mends disguised words in place and turns the remaining figures to 0; returns which pieces were mended."""
    part, starts, stops = pieces.part, pieces.starts, pieces.stops
    if not starts.size:
        return _NOWHERE
    mixture = np.bitwise_or.reduceat(part, starts)
    suspects = (mixture & (CYRILLIC | LATIN)) == (CYRILLIC | LATIN)
    suspects |= (mixture & DOUBLE) != 0
    figures = np.flatnonzero(part == FIGURE)
    before, after = part[figures - 1], part[figures + 1]
    lettered = (before == CYRILLIC) & ((after == CYRILLIC) | ((after == 0) & (codes[figures] == ord("0"))))
    lettered |= (before == 0) & (after == CYRILLIC) & _AT_THE_BEGINNING[codes[figures]]
    hidden = figures[lettered]
    if hidden.size:
        suspects[np.searchsorted(starts, hidden, side="right") - 1] = True
    mended = _mend_twins(codes, pieces, edges, mixture)
    for place in np.flatnonzero(suspects).tolist():
        start, stop = starts[place], stops[place]
        word = codes[start:stop]
        seen = np.fromiter(map(ord, reveal("".join(map(chr, word.tolist())))), dtype=np.uint32, count=stop - start)
        if not np.array_equal(seen, word):
            codes[start:stop] = seen
            mended.append(place)
    codes[figures[letters.PART_OF[codes[figures]] == FIGURE]] = ord("0")
    return np.array(sorted(mended), dtype=np.int64)


def _mend_twins(codes: Codes, pieces: _Pieces, edges: Places, mixture: NDArray[np.uint8]) -> list[int]:
    """Words all in Latin letters that are drawn like the Russian ones of a common word, beside a word in Cyrillic."""
    starts, stops = pieces.starts, pieces.stops
    mended: list[int] = []
    lengths = stops - starts
    for place in np.flatnonzero((mixture == LATIN) & (lengths > 1) & (lengths <= _LONGEST_TWIN)).tolist():
        word = slice(starts[place], stops[place])
        russian = RUSSIAN_IN_TWINS.get("".join(map(chr, codes[word].tolist())))
        if russian is None:
            continue
        text = np.searchsorted(edges, starts[place])
        first, last = edges[text - 1], edges[text]
        neighbours = [
            near for near in (place - 1, place + 1) if 0 <= near < len(starts) and first < starts[near] < last
        ]
        if any(mixture[near] & CYRILLIC for near in neighbours):
            codes[word] = list(map(ord, russian))
            mended.append(place)
    return mended
