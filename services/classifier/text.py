"""Russian comments made comparable: one spelling for what a reader sees as the same.

A whole batch is cleaned as one string and one array of code points, because that is an order of magnitude faster than
text by text; the result of a text never depends on its neighbours. No `str` whatsoever makes it raise.

What changes: NFKC; lower case; accents and ё; zero-width characters go; Latin letters and figures that stand for
Cyrillic ones inside a word become Cyrillic; three and more equal letters become one, other marks two; links, e-mail
addresses, telephones, mentions and sums of money become one token each; every other figure becomes 0.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier import letters, patterns
from services.classifier.disguise import reveal
from services.classifier.letters import BREAK, CYRILLIC, EMAIL, FIGURE, LATIN, LINK, MENTION, MONEY, PHONE, Codes

_EDGE = ord(BREAK)
_RESERVED = re.compile(f"[{BREAK}{letters.TOKENS}]")


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of `n` cleaned texts.

    `codes` holds BREAK, text, BREAK, text, …, BREAK as code points; `edges` are the n + 1 places of BREAK in it;
    `counts[i, kind]` is how many raw characters of each `letters.Kind` text i had (tokens counted as one);
    `disguised[i]` is how many of its words were written with foreign letters or figures.
    """

    codes: Codes
    edges: NDArray[np.int64]
    counts: NDArray[np.int32]
    disguised: NDArray[np.int32]


def clean(text: str) -> str:
    """`text` in its comparable spelling; tokens are the private characters of `letters.TOKENS`."""
    cleaned = clean_batch([text])
    return cleaned.codes[1:-1].astype("<u4").tobytes().decode("utf-32-le")


def clean_batch(texts: Sequence[str]) -> Cleaned:
    """All `texts` cleaned; text i's result is that of cleaning it alone."""
    raw = _codes(_tokenised(_joined(texts)))
    kinds = letters.KIND_OF[raw]
    counts = _counts(kinds, len(texts))
    codes = letters.FOLD_OF[raw]
    invisible = kinds == letters.Kind.INVISIBLE
    if invisible.any():
        codes = codes[~invisible]
    codes = _shortened(codes)
    edges = np.flatnonzero(codes == _EDGE)
    disguised = _reveal(codes, edges)
    return Cleaned(codes=codes, edges=edges, counts=counts, disguised=disguised)


def _joined(texts: Sequence[str]) -> str:
    joined = BREAK + BREAK.join(texts) + BREAK
    if joined.count(BREAK) != len(texts) + 1 + (not texts) or any(token in joined for token in letters.TOKENS):
        # Somebody wrote our private characters: they mean nothing.
        joined = BREAK + BREAK.join(_RESERVED.sub(" ", text) for text in texts) + BREAK
    # The commonest reasons for which a Russian text is not NFKC, at a tenth of its price; "№" must not become "No".
    joined = joined.replace("…", "...").replace("№", "#").replace("\xa0", " ")
    if not unicodedata.is_normalized("NFKC", joined):
        # None of them can yield a private character.
        joined = BREAK.join([normal(part) for part in joined.split(BREAK)])
    return joined if texts else BREAK


def normal(text: str) -> str:
    """`text` in NFKC, with at most `letters.MAX_PILE` combining marks on a letter, in linear time."""
    # Checking is fast, normalising is not.
    if unicodedata.is_normalized("NFKC", text):
        return text
    # It sorts the marks of a letter in quadratic time, if they are out of order: 65,000 of them would take seconds.
    return unicodedata.normalize("NFKC", letters.PILE.sub(lambda pile: pile[0][: letters.MAX_PILE], text))


def _tokenised(joined: str) -> str:
    joined = BREAK.join([_addresses(part) for part in joined.split(BREAK)])
    joined = patterns.MENTION.sub(f" {MENTION} ", joined)
    joined = patterns.PHONE.sub(f" {PHONE} ", joined)
    return patterns.MONEY.sub(f" {MONEY} ", joined)


def _addresses(part: str) -> str:
    """E-mail addresses, @names and links; most texts have none, which a substring search tells fastest."""
    if "@" in part:
        part = patterns.EMAIL.sub(f" {EMAIL} ", part)
        part = patterns.HANDLE.sub(f" {MENTION} ", part)
    if "://" in part or ("." in part and patterns.LINK_HINT.search(part)):
        part = patterns.LINK.sub(f" {LINK} ", part)
    return part


def _codes(joined: str) -> Codes:
    raw: Codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32, copy=False)
    return raw.clip(max=letters.LIMIT - 1)


def _counts(kinds: NDArray[np.uint8], size: int) -> NDArray[np.int32]:
    edges = np.flatnonzero(kinds == letters.Kind.EDGE)
    # Text i owns the places from its own edge up to the next one; the last edge is nobody's.
    places = np.repeat(np.arange(size, dtype=np.int32) * letters.KINDS, np.diff(edges))
    flat = np.bincount(places + kinds[:-1], minlength=size * letters.KINDS)
    return flat.astype(np.int32).reshape(size, letters.KINDS)


def _shortened(codes: Codes) -> Codes:
    """Three or more equal letters in a row become one; three or more equal marks become two; figures stay."""
    same = codes[1:] == codes[:-1]  # same[i]: character i + 1 repeats character i
    triple = same[1:] & same[:-1]  # triple[i]: characters i, i + 1, i + 2 are equal
    if not triple.any():
        return codes
    third = np.zeros(len(codes), dtype=bool)
    third[2:] = triple
    in_run = third.copy()
    in_run[1:-1] |= triple  # the second of three; the first stays
    part = letters.PART_OF[codes]
    drop = np.where((part == 0), third, in_run) & (part != FIGURE) & (codes != _EDGE)
    shortened: Codes = codes[~drop]
    return shortened


def _reveal(codes: Codes, edges: NDArray[np.int64]) -> NDArray[np.int32]:
    """Mends disguised words in place and turns the remaining figures to 0; returns how many words each text hid."""
    part = letters.PART_OF[codes]
    inside = part != 0
    starts = np.flatnonzero(inside[1:] & ~inside[:-1]) + 1  # the first and the last place are edges
    disguised = np.zeros(len(edges) - 1, dtype=np.int32)
    if not starts.size:
        return disguised
    mixture = np.bitwise_or.reduceat(part, starts)
    suspects = (mixture & (CYRILLIC | LATIN)) == (CYRILLIC | LATIN)
    figures = np.flatnonzero(part == FIGURE)
    hidden = figures[(part[figures - 1] == CYRILLIC) & (part[figures + 1] == CYRILLIC)]
    if hidden.size:
        suspects[np.searchsorted(starts, hidden, side="right") - 1] = True
    stops = np.flatnonzero(inside[:-1] & ~inside[1:]) + 1
    for start, stop in zip(starts[suspects].tolist(), stops[suspects].tolist(), strict=True):
        word = codes[start:stop]
        seen = reveal("".join(map(chr, word.tolist())))
        mended = np.fromiter(map(ord, seen), dtype=np.uint32, count=stop - start)
        if not np.array_equal(mended, word):
            disguised[np.searchsorted(edges, start) - 1] += 1
            codes[start:stop] = mended
    codes[figures[letters.PART_OF[codes[figures]] == FIGURE]] = ord("0")
    return disguised
