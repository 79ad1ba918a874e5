"""Comments as numbers: hashed character and word n-grams, and a few measures of how a comment is written.

A whole batch is hashed with NumPy over one array of code points; there is no loop over n-grams. Hashes are unsigned
32-bit arithmetic that wraps around, so a text has the same columns on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from services.classifier import letters
from services.classifier.letters import Kind
from services.classifier.text import Cleaned, clean_batch

_SPACE = np.uint32(32)
_EDGE = np.uint32(ord(letters.BREAK))
_MULTIPLIER = np.uint32(0x01000193)
_MIX = np.uint32(0x9E3779B1)
_WORD_LENGTH = 64
"""Characters of a word from here on share one multiplier: longer words are noise, and may collide."""

SIGNALS = (
    "characters", "words", "capitals", "latin", "figures", "questions", "exclamations", "commas", "stops", "lines",
    "smiles", "sad", "emoji", "links", "emails", "phones", "mentions", "money", "invisible", "disguised",
)  # fmt: skip
"""The dense measures, in the order of their columns."""


class FeatureBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The features of `n` comments before they are put side by side.

    `chars` and `words` are CSR of float32 with `2**bits` columns each; a column may occur twice in a row (its values
    add up). `signals` is a float32 array n x len(SIGNALS), `counts` is that of `text.Cleaned`.
    """

    chars: sparse.csr_matrix
    words: sparse.csr_matrix
    signals: NDArray[np.float32]
    counts: NDArray[np.int32]


class CommentFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """Texts to a CSR matrix of `width(bits)` columns: characters, then words, then SIGNALS.

    Character n-grams of `CHAR_ORDERS` stay within words, whose ends count as a space. Word n-grams are single words and
    pairs, where the beginning and the end of a comment count as words. Rare n-grams weigh more (inverse document
    frequency, learned by `fit`); the characters of a row have length 1, its words length WORD_WEIGHT.
    """

    def __init__(self, bits: int = 16) -> None:
        self.bits = bits

    def fit(self, texts: Sequence[str], y: object = None) -> CommentFeatures:
        """Learns how rare each column is; deterministic."""
        cleaned = clean_batch(texts)
        self.char_weights_ = _rarity(_char_columns(cleaned, self.bits), self.bits, len(texts))
        self.word_weights_ = _rarity(_word_columns(cleaned, self.bits), self.bits, len(texts))
        return self

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """One row for each text, n-grams that occur twice already added up."""
        batch = self.batch(texts)
        matrix = sparse.hstack([batch.chars, batch.words, sparse.csr_matrix(batch.signals)], format="csr")
        matrix.sum_duplicates()
        return matrix

    def batch(self, texts: Sequence[str]) -> FeatureBatch:
        """The same numbers as `transform`, faster: in blocks, with repeated columns left as they are."""
        cleaned = clean_batch(texts)
        return FeatureBatch(
            chars=_weighted(_char_columns(cleaned, self.bits), self.char_weights_, length=1.0),
            words=_weighted(_word_columns(cleaned, self.bits), self.word_weights_, length=WORD_WEIGHT),
            signals=_signals(cleaned),
            counts=cleaned.counts,
        )


def width(bits: int) -> int:
    """Columns of what `CommentFeatures(bits)` returns."""
    return int(2 << bits) + len(SIGNALS)


def fingerprint(bits: int) -> str:
    """Of this code: changes when the same text would get other columns, and then no older model fits."""
    cleaned = clean_batch([_PROBE])
    digest = hashlib.sha256()
    for columns, starts in (_char_columns(cleaned, bits), _word_columns(cleaned, bits)):
        digest.update(columns.astype("<i4").tobytes() + starts.astype("<i4").tobytes())
    digest.update(cleaned.counts.astype("<i4").tobytes() + ",".join(SIGNALS).encode())
    return digest.hexdigest()[:16]


_PROBE = (
    "Кoгдa пoчинят ФОНАРЬ у дома 12?! Тееемно, ёлки… 😡 тел. 8 (000) 000-00-00, [id1|Имя], www.example.ru, 5 000 руб."
)

CHAR_ORDERS = (3, 4, 5)
WORD_WEIGHT = 1.5

Columns = tuple[NDArray[np.int32], NDArray[np.int32]]
"""CSR without values: the column of each n-gram, row after row, and where each row begins (n + 1 places)."""


def _char_columns(cleaned: Cleaned, bits: int) -> Columns:
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
    # An n-gram belongs to the row of its second character: the first may be the edge before it.
    return _packed(columns, valid, cleaned.edges)


def _word_columns(cleaned: Cleaned, bits: int) -> Columns:
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
    return _packed(columns, valid, edges)


def _packed(columns: NDArray[np.uint32], valid: NDArray[np.bool_], edges: NDArray[np.int64]) -> Columns:
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


def _weighted(block: Columns, weights: NDArray[np.float32], *, length: float) -> sparse.csr_matrix:
    columns, starts = block
    values = weights[columns]
    rows = len(starts) - 1
    lengths = np.diff(starts)
    filled = np.flatnonzero(lengths)
    if filled.size:
        squares = np.add.reduceat(values * values, starts[filled])
        values *= np.repeat(np.float32(length) / np.sqrt(squares), lengths[filled])
    return sparse.csr_matrix((values, columns, starts), shape=(rows, len(weights)), copy=False)


def _rarity(block: Columns, bits: int, size: int) -> NDArray[np.float32]:
    """ln((1 + comments) / (1 + comments with the column)) + 1, as scikit-learn's TfidfTransformer has it."""
    columns, starts = block
    rows = np.repeat(np.arange(len(starts) - 1, dtype=np.int64), np.diff(starts))
    distinct = np.unique((rows << bits) | columns)
    having = np.bincount(distinct & (2**bits - 1), minlength=2**bits)
    return (np.log((1 + size) / (1 + having)) + 1).astype(np.float32)


def _signals(cleaned: Cleaned) -> NDArray[np.float32]:
    """Each measure lies roughly between 0 and 1: shares as they are, counts as log(1 + x) / 4."""
    counts = cleaned.counts.astype(np.float32)

    def total(*kinds: Kind) -> NDArray[np.float32]:
        added: NDArray[np.float32] = counts[:, [int(kind) for kind in kinds]].sum(axis=1)
        return added

    letters_ = total(Kind.LOWER, Kind.UPPER, Kind.LATIN, Kind.LATIN_UPPER, Kind.LETTER)
    everything = counts.sum(axis=1) - 1  # the edge is counted with the text
    some = np.maximum(letters_, 1)
    shares = {
        "capitals": total(Kind.UPPER, Kind.LATIN_UPPER) / some,
        "latin": total(Kind.LATIN, Kind.LATIN_UPPER) / some,
    }
    tallies = {
        "characters": everything,
        "words": total(Kind.SPACE),
        "figures": total(Kind.DIGIT),
        "questions": total(Kind.QUESTION),
        "exclamations": total(Kind.EXCLAMATION),
        "commas": total(Kind.COMMA),
        "stops": total(Kind.STOP),
        "lines": total(Kind.NEWLINE),
        "smiles": total(Kind.SMILE),
        "sad": total(Kind.SAD),
        "emoji": total(Kind.EMOJI),
        "links": total(Kind.LINK),
        "emails": total(Kind.EMAIL),
        "phones": total(Kind.PHONE),
        "mentions": total(Kind.MENTION),
        "money": total(Kind.MONEY, Kind.CURRENCY),
        "invisible": total(Kind.INVISIBLE),
        "disguised": cleaned.disguised.astype(np.float32),
    }
    measures = shares | {name: np.log1p(tally) / 4 for name, tally in tallies.items()}
    return np.stack([measures[name] for name in SIGNALS], axis=1).astype(np.float32)


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
