"""How comments looked when a model was trained, and how it judged some it had not seen: what drift is held against.

It lies beside the model as `reference.json`: counts of comments per bin of each measure, and the words of training as a
set of bits. No text can be read from it.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from services.classifier.judgement import Judgement
from services.classifier.manifest import ModelError
from services.classifier.spelling import letters
from services.classifier.spelling.letters import Kind
from services.classifier.text import Cleaned, clean_batch
from shared.events import Tag

REFERENCE = "reference.json"
MAX_BYTES = 1024 * 1024

TAGS: tuple[Tag, ...] = ("complaint", "other", "question", "spam")
_TENTHS = tuple(step / 10 for step in range(1, 10))
EDGES: dict[str, tuple[float, ...]] = {
    "length": (5, 15, 30, 60, 100, 160, 250, 400, 800, 1600),
    "unknown": (0.001, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    "disguised": (0.5, 1.5, 2.5),
    "foreign": (0.001, 0.1, 0.3, 0.5, 0.9),
    "confidence": (0.3, *_TENTHS[3:], 0.95),
    **{f"score_{tag}": _TENTHS for tag in TAGS},
    "tag": (0.5, 1.5, 2.5),
}
"""For each measure where its bins end: k edges make k + 1 bins. `length` is in characters, `unknown` the share of words
that training never saw, `disguised` how many words hid behind foreign letters, `foreign` the share of letters that are
not Cyrillic; the others say how the model judged, `tag` by its place in TAGS."""

STEM = 6
"""Letters of a word that count: its beginning, since Russian words end in many ways."""
BITS = 18
_WORD = re.compile(r"[а-я]{3,}")

Values = dict[str, NDArray[np.float64]]


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`bins[measure]` counts the comments in each bin, over `rows` comments from the files `of`."""

    format: Literal[1] = 1
    model: str
    """The version whose scores these are."""
    of: tuple[str, ...]
    rows: Annotated[int, Meta(ge=0)]
    bins: dict[str, tuple[int, ...]]
    words: bytes
    """Bit k is set when training had a word whose beginning hashes to k."""


class Lexicon:
    """The words of training."""

    def __init__(self, words: bytes) -> None:
        self._known = np.unpackbits(np.frombuffer(words, dtype=np.uint8))

    def unknown_share(self, cleaned: str) -> float:
        """The share of the words of a cleaned text that are not among them; 0 for a text without words."""
        places = [_place(word) for word in _WORD.findall(cleaned)]
        return 1.0 - float(self._known[places].mean()) if places else 0.0


def measured(texts: Sequence[str], judgements: Sequence[Judgement], lexicon: Lexicon) -> Values:
    """The value of every measure of EDGES for each comment."""
    cleaned = clean_batch(texts)
    counts = cleaned.counts
    cyrillic = counts[:, [Kind.LOWER, Kind.UPPER]].sum(axis=1)
    foreign = counts[:, [Kind.LATIN, Kind.LATIN_UPPER, Kind.LETTER]].sum(axis=1)
    values = {
        "length": np.array([len(text) for text in texts], dtype=np.float64),
        "unknown": np.array([lexicon.unknown_share(text) for text in _cleaned_texts(cleaned)]),
        "disguised": cleaned.disguised.astype(np.float64),
        "foreign": foreign / np.maximum(cyrillic + foreign, 1),
        "confidence": np.array([judgement.confidence for judgement in judgements]),
        "tag": np.array([TAGS.index(judgement.tag) for judgement in judgements], dtype=np.float64),
    }
    for tag in TAGS:
        values[f"score_{tag}"] = np.array([judgement.scores[tag] for judgement in judgements])
    return values


def binned(values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.uint8]]:
    """The bin of each value."""
    return {name: np.searchsorted(edges, values[name], side="right").astype(np.uint8) for name, edges in EDGES.items()}


def words_of(texts: Iterable[str]) -> Counter[int]:
    """In how many of `texts` each hashed beginning of a word occurs."""
    having: Counter[int] = Counter()
    for text in _cleaned_texts(clean_batch(list(texts))):
        having.update({_place(word) for word in _WORD.findall(text)})
    return having


def make_reference(
    model: str, *, trained_on: Sequence[str], texts: Sequence[str], judgements: Sequence[Judgement], of: Sequence[str]
) -> Reference:
    """The reference of a model trained on some texts, from `texts` that it has not seen and how it judged them."""
    known = np.zeros(2**BITS, dtype=np.uint8)
    known[list(words_of(trained_on))] = 1
    words = np.packbits(known).tobytes()
    bins = {name: np.zeros(len(edges) + 1, dtype=np.int64) for name, edges in EDGES.items()}
    if texts:
        for name, places in binned(measured(texts, judgements, Lexicon(words))).items():
            bins[name] += np.bincount(places, minlength=len(bins[name]))
    return Reference(
        model=model,
        of=tuple(of),
        rows=len(texts),
        bins={name: tuple(counts.tolist()) for name, counts in bins.items()},
        words=words,
    )


def write_reference(folder: Path, reference: Reference) -> None:
    """Writes it beside the model."""
    (folder / REFERENCE).write_bytes(msgspec.json.encode(reference, order="deterministic") + b"\n")


def read_reference(folder: Path) -> Reference | None:
    """What lies beside the model in `folder`, None where nothing does; raises ModelError for what cannot be used."""
    path = folder / REFERENCE
    try:
        if not path.exists():
            return None
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{path}: larger than {MAX_BYTES} bytes")
        reference = msgspec.json.decode(path.read_bytes(), type=Reference)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a reference of format 1: {error}") from error
    shapes = {name: len(counts) for name, counts in reference.bins.items()}
    if shapes != {name: len(edges) + 1 for name, edges in EDGES.items()} or len(reference.words) != 2**BITS // 8:
        raise ModelError(f"{path}: made by another version of this program; train the model anew")
    return reference


def _place(word: str) -> int:
    return zlib.crc32(word[:STEM].encode()) & (1 << BITS) - 1


def _cleaned_texts(cleaned: Cleaned) -> list[str]:
    whole = cleaned.codes.astype("<u4").tobytes().decode("utf-32-le")
    return whole.split(letters.BREAK)[1:-1]
