"""Comments as numbers: weighted n-grams, and a few measures of how a comment is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from services.classifier.ngrams import CHAR_ORDERS, Columns, char_columns, char_grid, packed, word_columns, word_grid
from services.classifier.spelling import letters
from services.classifier.spelling.letters import Kind
from services.classifier.text import Cleaned, clean_batch

_MENTION = np.uint32(ord(letters.MENTION))

SIGNALS = (
    "characters", "words", "capitals", "latin", "figures", "questions", "exclamations", "commas", "stops", "lines",
    "smiles", "sad", "emoji", "links", "emails", "phones", "mentions", "money", "invisible", "disguised", "joined",
    "reply",
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


class Grams(msgspec.Struct, frozen=True, kw_only=True):
    """The n-grams of one text: `values[i]` in `columns[i]` for what stands at `codes[starts[i]:stops[i]]`."""

    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


# scikit-learn carries no types. Its `set_output` is declined: a data frame cannot hold a sparse matrix.
class CommentFeatures(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg,misc]
    """Texts to a CSR matrix of `width(bits)` columns: characters, then words, then SIGNALS.

    Character n-grams of `CHAR_ORDERS` stay within words, whose ends count as a space. Word n-grams are single words and
    pairs, where the beginning and the end of a comment count as words. Rare n-grams weigh more (inverse document
    frequency, learned by `fit`); the characters of a row have length CHAR_WEIGHT, its words length WORD_WEIGHT.

    A transformer as scikit-learn has them, of texts (docs/adr/estimator-checks.md).
    """

    def __init__(self, bits: int = 16) -> None:
        self.bits = bits

    def fit(self, texts: Iterable[str], y: object = None) -> CommentFeatures:
        """Learns how rare each column is; deterministic. Raises ValueError for a single text and for what is none."""
        texts = _texts(texts)
        cleaned = clean_batch(texts)
        self.char_weights_ = _rarity(char_columns(cleaned, self.bits), self.bits, len(texts))
        self.word_weights_ = _rarity(word_columns(cleaned, self.bits), self.bits, len(texts))
        return self

    def transform(self, texts: Iterable[str]) -> sparse.csr_matrix:
        """One row for each text, n-grams that occur twice already added up; raises ValueError as `fit` does."""
        batch = self.batch(_texts(texts))
        matrix = sparse.hstack([batch.chars, batch.words, sparse.csr_matrix(batch.signals)], format="csr")
        matrix.sum_duplicates()
        return matrix

    def batch(self, texts: Sequence[str], replies: Sequence[bool] | None = None) -> FeatureBatch:
        """The same numbers as `transform`, faster: in blocks, with repeated columns left as they are.

        `replies` says which texts are known to answer another comment; those that begin with a mention do in any case.
        Raises NotFittedError before `fit`.
        """
        check_is_fitted(self)
        cleaned = clean_batch(texts)
        return FeatureBatch(
            chars=_weighted(char_columns(cleaned, self.bits), self.char_weights_, length=CHAR_WEIGHT),
            words=_weighted(word_columns(cleaned, self.bits), self.word_weights_, length=WORD_WEIGHT),
            signals=_signals(cleaned, replies),
            counts=cleaned.counts,
        )

    def grams(self, cleaned: Cleaned) -> tuple[Grams, Grams]:
        """Those of characters and of words that `batch` makes of the one text of `cleaned`, with their places.

        Places may reach over the BREAK at either end of the text.
        """
        columns, valid = char_grid(cleaned, self.bits)
        values = _weighted(packed(columns, valid, cleaned.edges), self.char_weights_, length=CHAR_WEIGHT).data
        places, orders = np.nonzero(valid[: cleaned.edges[-1]])
        stops = np.minimum(places + np.array(CHAR_ORDERS)[orders], len(cleaned.codes))
        chars = Grams(columns=columns[places, orders].view(np.int32), values=values, starts=places, stops=stops)
        columns, valid, edges, tokens = word_grid(cleaned, self.bits)
        values = _weighted(packed(columns, valid, edges), self.word_weights_, length=WORD_WEIGHT).data
        places, orders = np.nonzero(valid[: edges[-1]])
        # Line i is about token i + 1, and in its second place about token i before that.
        words = Grams(
            columns=columns[places, orders].view(np.int32),
            values=values,
            starts=tokens[places + 1 - orders, 0],
            stops=tokens[places + 1, 1],
        )
        return chars, words

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Of every column; those of n-grams are numbered, as many n-grams share one."""
        kinds = (f"{kind}{number}" for kind in ("chars", "words") for number in range(2**self.bits))
        return np.array([*kinds, *SIGNALS], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []  # whatever comes in, float32 comes out
        return tags


def width(bits: int) -> int:
    """Columns of what `CommentFeatures(bits)` returns."""
    return int(2 << bits) + len(SIGNALS)


def fingerprint(bits: int) -> str:
    """Of this code: changes when the same text would get other columns, and then no older model fits."""
    cleaned = clean_batch([_PROBE])
    digest = hashlib.sha256()
    for columns, starts in (char_columns(cleaned, bits), word_columns(cleaned, bits)):
        digest.update(columns.astype("<i4").tobytes() + starts.astype("<i4").tobytes())
    digest.update(cleaned.counts.astype("<i4").tobytes() + ",".join(SIGNALS).encode())
    digest.update(repr((CHAR_WEIGHT, WORD_WEIGHT, SIGNAL_WEIGHT)).encode())
    return digest.hexdigest()[:16]


_PROBE = (
    "Кoгдa пoчинят ФОНАРЬ у дома 12?! Тееемно, ёлки… 😡 тел. 8 (000) 000-00-00, [id1|Имя], www.example.ru, 5 000 руб. "
    "З.А.Р.А.Б.О.Т.О.К р а б о т а σпыт ᴩᴀбᴏᴛᴀ 3apa6oток"
)

CHAR_WEIGHT = 1.5
WORD_WEIGHT = 1.5
SIGNAL_WEIGHT = 0.5
"""How much the three kinds of features count; chosen in cross-validation over comments of real pages."""


def _texts(given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise ValueError("a sequence of texts is expected, not a single text")
    texts = list(given)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"texts are expected, not {type(text).__name__}")
    return texts


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


def _signals(cleaned: Cleaned, replies: Sequence[bool] | None = None) -> NDArray[np.float32]:
    """Each measure lies roughly between 0 and SIGNAL_WEIGHT: shares as they are, counts as log(1 + x) / 4."""
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
        "joined": cleaned.joined.astype(np.float32),
    }
    # A token stands between spaces.
    reply = cleaned.codes[np.minimum(cleaned.edges[:-1] + 2, len(cleaned.codes) - 1)] == _MENTION
    if replies is not None:
        reply = reply | np.array(replies, dtype=bool)
    measures = shares | {name: np.log1p(tally) / 4 for name, tally in tallies.items()}
    measures["reply"] = reply.astype(np.float32)
    return (np.stack([measures[name] for name in SIGNALS], axis=1) * SIGNAL_WEIGHT).astype(np.float32)
