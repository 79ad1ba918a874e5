"""Fingerprints of comments: the same or nearly the same text has a key in common, as have texts with one contact.

A text's silhouette is cut into runs of GRAM letters; each of BANDS keys hashes the smallest of ROWS differently
permuted run hashes (MinHash: Broder 1997; banding: Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4).
Two texts that share the part s of their runs have a key in common with probability 1 - (1 - s**ROWS)**BANDS: 0.99 at s
= 0.9, 0.88 at 0.8, 0.23 at 0.5, nothing worth mentioning below 0.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.repetition.contact import contacts
from services.classifier.repetition.silhouette import silhouettes
from shared.events import CommentCreated, CommentEdited

SCHEME = "1"
"""Of keys and records; changes with either."""
BANDS, ROWS, GRAM = 4, 4, 5
MAX_CONTACTS = 2
KEYS = BANDS + MAX_CONTACTS
MIN_LETTERS = 40
"""Letters from which on a text is worth remembering: thanks, votes and greetings are shorter."""
MAX_LETTERS = 1_000
"""Of a text that are looked at."""

RECORD = np.dtype([("comment", "<u8"), ("page", "<u4"), ("author", "<u4"), ("at", "<u4"), ("keys", "<u8", (KEYS,))])
"""One comment: hashes, the second it was received, BANDS keys of its text, MAX_CONTACTS of its contacts. 0: none."""

_MULTIPLIER = np.uint32(0x01000193)
_rng = np.random.Generator(np.random.PCG64(20_260_101))
_FACTORS = (_rng.integers(0, 1 << 31, BANDS * ROWS, dtype=np.uint32) << np.uint32(1)) | np.uint32(1)
_SHIFTS = _rng.integers(0, 1 << 32, BANDS * ROWS, dtype=np.uint32)
_FOLD = np.uint64(0x9E3779B97F4A7C15)


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One comment as it is remembered: the fields of RECORD."""

    comment: int
    page: int
    author: int
    at: int
    keys: tuple[int, ...]

    @property
    def text_keys(self) -> tuple[int, ...]:
        """BANDS keys, all of them 0 for a short text."""
        return self.keys[:BANDS]

    @property
    def contact_keys(self) -> tuple[int, ...]:
        """MAX_CONTACTS keys, 0 where there is no contact."""
        return self.keys[BANDS:]


def sightings(comments: Sequence[CommentCreated | CommentEdited]) -> list[Sighting | None]:
    """What to remember of each; None of what a page itself wrote, and of what is short and holds no contact."""
    keys = text_keys([comment.text for comment in comments])
    found: list[Sighting | None] = []
    for comment, row in zip(comments, keys.tolist(), strict=True):
        reached = contacts(comment.text)[:MAX_CONTACTS]
        if comment.author_kind == "page" or not (row[0] or reached):
            found.append(None)
            continue
        padded = (*row, *(_hash(one) for one in reached), *([0] * (MAX_CONTACTS - len(reached))))
        found.append(
            Sighting(
                comment=_hash(comment.id),
                page=_hash(comment.page) & 0xFFFFFFFF,
                author=(_hash(comment.author) & 0xFFFFFFFF or 1) if comment.author else 0,
                at=max(0, min(0xFFFFFFFF, int(comment.received_at.timestamp()))),
                keys=padded,
            )
        )
    return found


def text_keys(texts: Sequence[str]) -> NDArray[np.uint64]:
    """n x BANDS keys; a row of zeros for a text of fewer than MIN_LETTERS letters."""
    keys = np.zeros((len(texts), BANDS), dtype=np.uint64)
    codes, rows = silhouettes(texts)
    lengths = np.bincount(rows, minlength=len(texts))
    places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    used = (lengths[rows] >= MIN_LETTERS) & (places < MAX_LETTERS)
    codes, rows = codes[used], rows[used]
    if not codes.size:
        return keys
    runs = codes[: 1 - GRAM] * _MULTIPLIER
    for offset in range(1, GRAM):
        stop = len(codes) - GRAM + 1 + offset
        runs = (runs + codes[offset:stop]) * _MULTIPLIER
    whole = rows[: 1 - GRAM] == rows[GRAM - 1 :]
    runs, rows = runs[whole], rows[: 1 - GRAM][whole]
    runs ^= runs >> np.uint32(15)
    runs *= np.uint32(0x85EBCA6B)
    runs ^= runs >> np.uint32(13)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    smallest = np.empty((len(starts), BANDS * ROWS), dtype=np.uint64)
    for place, (factor, shift) in enumerate(zip(_FACTORS, _SHIFTS, strict=True)):
        smallest[:, place] = np.minimum.reduceat(runs * factor + shift, starts)
    bands = np.zeros((len(starts), BANDS), dtype=np.uint64)
    for row in range(ROWS):
        bands = (bands ^ smallest[:, row::ROWS]) * _FOLD
        bands ^= bands >> np.uint64(29)
    # The band's number, so that equal minima in different bands are no match; the last bit, because 0 means none.
    keys[rows[starts]] = (bands + np.arange(1, BANDS + 1, dtype=np.uint64) * _FOLD) | np.uint64(1)
    return keys


def pack(seen: Sequence[Sighting]) -> bytes:
    """RECORDs, one after another."""
    rows = [(one.comment, one.page, one.author, one.at, one.keys) for one in seen]
    return np.array(rows, dtype=RECORD).tobytes()


def unpack(records: bytes) -> list[Sighting]:
    """What `pack` made `records` of; raises ValueError when it made none."""
    rows = np.frombuffer(records, dtype=RECORD)
    parts = [rows[name].tolist() for name in ("comment", "page", "author", "at", "keys")]
    return [
        Sighting(comment=comment, page=page, author=author, at=at, keys=tuple(keys))
        for comment, page, author, at, keys in zip(*parts, strict=True)
    ]


def _hash(words: str) -> int:
    """64 bits, the same in every process; never 0."""
    return int.from_bytes(hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=8).digest(), "little") or 1
