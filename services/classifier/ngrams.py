"""Where the n-grams of comments stand: hashes of characters and of words, all at once.

A whole batch is hashed with NumPy over one array of code points; there is no loop over n-grams. Hashes are unsigned
32-bit arithmetic that wraps around, so a text has the same columns on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling import letters
from services.classifier.spelling.letters import Kind
from services.classifier.text import Cleaned

CHAR_ORDERS = (3, 4, 5)
"""Characters of an n-gram."""

Columns = tuple[NDArray[np.int32], NDArray[np.int32]]
"""CSR without values: the column of each n-gram, row after row, and where each row begins (n + 1 places)."""

Grid = tuple[NDArray[np.uint32], NDArray[np.bool_]]
"""Columns of n-grams, line after line, and which of them there are."""

_SPACE = np.uint32(32)
_EDGE = np.uint32(ord(letters.BREAK))
_MULTIPLIER = np.uint32(0x01000193)
_MIX = np.uint32(0x9E3779B1)
_WORD_LENGTH = 64
"""Characters of a word from here on share one multiplier: longer words are noise, and may collide."""


def char_columns(cleaned: Cleaned, bits: int) -> Columns:
    """Of the n-grams of characters, text by text."""
    # An n-gram belongs to the row of its second character: the first may be the edge before it.
    return packed(*char_grid(cleaned, bits), cleaned.edges)


def char_grid(cleaned: Cleaned, bits: int) -> Grid:
    """The n-grams that begin at each code, one of each order."""
    longest = CHAR_ORDERS[-1]
    codes = np.where(cleaned.codes == _EDGE, _SPACE, cleaned.codes)
    size = len(codes)
    codes = np.concatenate([codes, np.full(longest, _SPACE)])
    space = codes == _SPACE
    columns = np.empty((size, len(CHAR_ORDERS)), dtype=np.uint32)
    valid = np.empty((size, len(CHAR_ORDERS)), dtype=bool)
    rolling = codes * _MULTIPLIER
    crossed = np.zeros(len(codes), dtype=bool)
    for order in range(2, longest + 1):
        # rolling[i] hashes codes[i : i + order]; crossed[i] tells whether a space stands strictly inside.
        rolling = (rolling[:-1] + codes[order - 1 :]) * _MULTIPLIER
        crossed = crossed[:-1] | space[order - 2 : -1] if order > 2 else crossed[:-1]
        if order in CHAR_ORDERS:
            place = CHAR_ORDERS.index(order)
            columns[:, place] = _bucket(rolling[:size], order, bits)
            np.logical_not(crossed[:size], out=valid[:, place])
    return columns, valid


def word_columns(cleaned: Cleaned, bits: int) -> Columns:
    """Of single words and pairs, text by text."""
    columns, valid, edges, _ = word_grid(cleaned, bits)
    return packed(columns, valid, edges)


def word_grid(
    cleaned: Cleaned, bits: int
) -> tuple[NDArray[np.uint32], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Each word after the first edge, alone and after the one before it; which of all words are edges; and where each
    stands in the codes, from and up to."""
    codes = cleaned.codes
    role = _ROLE_OF[codes]
    inside = role == _IN_WORD
    begins = role == _ALONE
    begins[1:] |= inside[1:] & ~inside[:-1]  # place 0 is an edge
    kept = np.flatnonzero(role)
    starts = np.flatnonzero(begins[kept])
    lengths = np.diff(np.append(starts, len(kept)))
    offsets = np.arange(len(kept)) - np.repeat(starts, lengths)
    letters_ = codes[kept] * _MIX
    letters_ ^= letters_ >> np.uint32(15)
    words = np.add.reduceat(letters_ * _POWERS[np.minimum(offsets, _WORD_LENGTH - 1)], starts, dtype=np.uint32)
    first = codes[kept[starts]]
    edges = np.flatnonzero(first == _EDGE)
    columns = np.empty((len(words) - 1, 2), dtype=np.uint32)
    columns[:, 0] = _bucket(words[1:], 1, bits)
    columns[:, 1] = _bucket(words[:-1] * _MULTIPLIER + words[1:], 2, bits)
    valid = np.ones(columns.shape, dtype=bool)
    valid[:, 0] = first[1:] != _EDGE
    return columns, valid, edges, np.stack([kept[starts], kept[starts + lengths - 1] + 1], axis=1)


def packed(columns: NDArray[np.uint32], valid: NDArray[np.bool_], edges: NDArray[np.int64]) -> Columns:
    """Row r owns the lines of `columns` from edges[r] up to edges[r + 1]; invalid ones are left out."""
    before = np.zeros(len(columns) + 1, dtype=np.int32)
    # Column by column: NumPy is slow at reducing many short rows.
    np.cumsum(sum(valid[:, place].view(np.uint8) for place in range(valid.shape[1])), out=before[1:])
    stop = edges[-1]
    return columns[:stop][valid[:stop]].view(np.int32), before[edges]


def _bucket(hashes: NDArray[np.uint32], salt: int, bits: int) -> NDArray[np.uint32]:
    """The column of each hash: its upper bits after a multiplicative mix."""
    mixed = hashes + np.uint32(salt * 0x85EBCA6B & 0xFFFFFFFF)
    mixed ^= mixed >> np.uint32(16)
    mixed *= _MIX
    mixed >>= np.uint32(32 - bits)
    return mixed


_IN_WORD, _ALONE = 1, 2


def _roles() -> NDArray[np.uint8]:
    """What a folded character is in the sequence of words: part of one, a word by itself, or nothing."""
    roles = np.where(letters.PART_OF != 0, _IN_WORD, 0).astype(np.uint8)
    for kind in (Kind.QUESTION, Kind.EXCLAMATION, Kind.EMOJI, Kind.CURRENCY, Kind.EDGE):
        roles[kind == letters.KIND_OF] = _ALONE
    for token in letters.TOKENS:
        roles[ord(token)] = _ALONE
    return roles


def _powers() -> NDArray[np.uint32]:
    powers: list[Any] = [1]
    for _ in range(_WORD_LENGTH - 1):
        powers.append(powers[-1] * int(_MULTIPLIER) & 0xFFFFFFFF)
    return np.array(powers, dtype=np.uint32)


_ROLE_OF = _roles()
_POWERS = _powers()
