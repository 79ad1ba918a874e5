"""The frozen sets: labelled comments that no model learns from, so that any two can be compared on them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.classifier.training.rows import CORPUS, Row, read_corpus, read_source

CORPUS_SET = "corpus/held-out"
_SHARE = 40
"""Of 256."""


def is_held_out(row: Row) -> bool:
    """Whether a comment of our own corpus is kept aside: about one in six, for ever the same ones.

    Decided by its letters and figures alone, so that neither a new file, nor another order, nor a change of how texts
    are cleaned moves a comment from one side to the other.
    """
    return hashlib.blake2s(trace(row).encode()).digest()[0] < _SHARE


def trace(row: Row) -> str:
    """What two rows have in common that differ in spaces, marks and case alone."""
    return "".join(filter(str.isalnum, row.text.lower().replace("ё", "е")))


def frozen_sets(evaluate: Sequence[Path] = (), *, corpus: Path = CORPUS) -> dict[str, list[Row]]:
    """The held-out part of the corpus, and each file that is only measured on, by name; raises TrainingError."""
    own = [row for source in read_corpus(corpus) for row in source.rows if is_held_out(row)]
    sets = {CORPUS_SET: own}
    for path in evaluate:
        name = set_name(path) if set_name(path) not in sets else str(path.resolve())
        sets[name] = list(read_source(path, streamlike=True).rows)
    return sets


def set_name(path: Path) -> str:
    """A file as tables and cards name it: with its folder, since every second one is called `dev.csv`."""
    return f"{path.resolve().parent.name}/{path.name}"


def learnable(rows: Iterable[Row], frozen: Iterable[Sequence[Row]]) -> list[Row]:
    """`rows` without those that stand in a frozen set: what is measured on must not be learned."""
    aside = {trace(row) for part in frozen for row in part}
    return [row for row in rows if trace(row) not in aside]
