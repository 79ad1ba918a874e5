"""Where in a text each character of its cleaned form came from; the slow way, for a text that shall be explained.

The steps, their patterns and their order are those of `text`, so that both ways yield the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling.folding import Cleaned, Places, code_points, fold
from services.classifier.spelling.letters import BREAK
from services.classifier.text import DECOMPOSED, REPLACED, RESERVED, TOKEN_OF, normalised

Spans = NDArray[np.int64]
"""n x 2: the place of the first character, in code points of the text, and the place after the last."""


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """One cleaned text.

    `spans[i]` of the text became `cleaned.codes[i]`; both ends never go down. BREAK has the empty span at its end of
    the text; where several characters came from one span, each has it; what was dropped belongs to the one before.
    `joined` and `revealed` are spans of the text: words that were written letter by letter, and with look-alikes.
    """

    cleaned: Cleaned
    spans: Spans
    joined: Spans
    revealed: Spans

    def text(self) -> str:
        """What `text.clean` returns."""
        return self.read(1, len(self.cleaned.codes) - 1)

    def read(self, start: int, stop: int) -> str:
        """The cleaned characters from one place up to another."""
        return self.cleaned.codes[start:stop].astype("<u4").tobytes().decode("utf-32-le")

    def read_as(self, span: tuple[int, int]) -> str:
        """The cleaned characters that came from this span of the text."""
        inside = np.flatnonzero((self.spans[:, 0] >= span[0]) & (self.spans[:, 1] <= span[1]))
        inside = inside[(inside > 0) & (inside < len(self.spans) - 1)]
        return self.read(int(inside[0]), int(inside[-1]) + 1) if inside.size else ""


def clean_with_origins(text: str) -> Traced:
    """`text` cleaned exactly as `text.clean_batch([text])` cleans it, and where everything came from."""
    draft = _normal(_draft(text).replaced(RESERVED, " "), REPLACED)
    draft = _Draft(
        BREAK + draft.text + BREAK, np.concatenate([[[0, 0]], draft.spans, [[len(text), len(text)]]]).astype(np.int64)
    )
    for pattern, token in TOKEN_OF:
        draft = draft.replaced(pattern, token)
    folded = fold(code_points(draft.text), 1, trace=True)
    spans = draft.spans[folded.places]
    # What was dropped after a character belongs to it.
    spans[1:-1, 1] = draft.spans[folded.places[2:] - 1, 1]
    return Traced(
        cleaned=folded.cleaned, spans=spans, joined=_of(spans, *folded.joined), revealed=_of(spans, *folded.revealed)
    )


def normal_with_origins(text: str) -> tuple[str, Spans]:
    """As `text.normal`, and the span that each character came from."""
    draft = _normal(_draft(text), DECOMPOSED)
    return draft.text, draft.spans


class _Draft:
    """A text on its way, and the span of the original that each of its characters came from."""

    def __init__(self, text: str, spans: Spans) -> None:
        self.text = text
        self.spans = spans

    def replaced(self, pattern: re.Pattern[str], replacement: str) -> _Draft:
        """As `pattern.sub(replacement, text)`; no match is empty, and `replacement` has no groups."""
        places = [found.span() for found in pattern.finditer(self.text)]
        return self._with([(start, stop, replacement) for start, stop in places]) if places else self

    def in_nfkc(self) -> _Draft:
        """Normalised piece by piece: where a piece begins, nothing composes with what stands before it."""
        begins = [place for place, char in enumerate(self.text) if place == 0 or _begins(char)]
        changes = []
        for start, stop in zip(begins, [*begins[1:], len(self.text)], strict=True):
            piece = self.text[start:stop]
            if (normal := normalised(piece)) != piece:
                changes.append((start, stop, normal))
        return self._with(changes)

    def _with(self, changes: list[tuple[int, int, str]]) -> _Draft:
        texts: list[str] = []
        spans: list[Spans] = []
        done = 0
        for start, stop, new in changes:
            texts += [self.text[done:start], new]
            whole = [[self.spans[start, 0], self.spans[stop - 1, 1]]] * len(new)
            spans += [self.spans[done:start], np.array(whole, dtype=np.int64).reshape(-1, 2)]
            done = stop
        return _Draft("".join([*texts, self.text[done:]]), np.concatenate([*spans, self.spans[done:]]))


def _draft(text: str) -> _Draft:
    return _Draft(text, np.stack([np.arange(len(text)), np.arange(1, len(text) + 1)], axis=1))


def _normal(draft: _Draft, first: Sequence[tuple[str, str]]) -> _Draft:
    """In NFKC, if it is not so once `first` is replaced: whoever is normal keeps even piles of marks."""
    for written, read in first:
        draft = draft.replaced(re.compile(re.escape(written)), read)
    return draft if unicodedata.is_normalized("NFKC", draft.text) else draft.in_nfkc()


def _of(spans: Spans, starts: Places, stops: Places) -> Spans:
    return np.stack([spans[starts, 0], spans[stops - 1, 1]], axis=1)


@lru_cache(maxsize=4096)
def _begins(char: str) -> bool:
    """Whether no normal form ever takes `char`, or what it decomposes to, together with the character before."""
    first = unicodedata.normalize("NFKD", char)[0]
    return unicodedata.combining(first) == 0 and first not in _seconds()


@cache
def _seconds() -> frozenset[str]:
    """Characters that are no combining marks and yet compose with the one before: Hangul vowels and finals, and what
    stands second in a canonical decomposition."""
    found = {chr(code) for span in (range(0x1161, 0x1176), range(0x11A8, 0x11C3)) for code in span}
    for code in range(0x20000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return frozenset(char for char in found if not unicodedata.combining(char))
