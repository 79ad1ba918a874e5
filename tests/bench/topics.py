"""How well topics are told by time: `python -m tests.bench.topics FILE.csv`, with columns `date`, `text`, `topic`.

The file's own topics are the classes. The last fifth by date is judged by models of what came before: of the first four
fifths, left as it was; trained anew before each of ten slices; trained anew each day, as where corrections are learned
from. What is new at the end of a file (the first snow) is all but unknown to the first of these.

All settings were chosen on the first four fifths, month by month or in blocks of 330 comments, each judged by a model
of those before it. `margin` is a linear SVM over character n-grams. `lately` is ridge regression over characters and
words, one kernel matrix for every cut in time, and adds to each topic how much commoner it was lately than ever.
Rejected there: the file's finer categories summed up, weights that fade with age, a shift of the shares estimated from
what is to be judged (Saerens), sentence embeddings as a third kernel (all within a standard error, or worse).
"""

from __future__ import annotations

import os

# Read when NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from services.classifier.features import CommentFeatures
from services.classifier.training.evaluation.measures import wilson

TOP = 3
BITS = 16
SLICES = 10
RIDGE, POWER, SMALLEST = 0.7, 0.4, 5
"""A comment weighs 1 / (comments of its topic) ** POWER, of which at least SMALLEST are reckoned."""
HALF_LIFE, SHIFT = 75, 0.025
"""Of "lately", in labelled comments, and how much log(share lately / share ever) counts."""
BLOCK = 2_048
"""Rows of the kernel matrix made at once."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is, in the order of time; the first `known` are those that settings may be learned from."""

    dates: Sequence[str]
    texts: Sequence[str]
    topics: NDArray[Any]
    known: int


Rank = Callable[[int, int], NDArray[Any]]
"""For the rows from one place up to another the TOP topics, likeliest first, by a model of the rows before."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--recipe", type=click.Choice(["margin", "lately"]), default="lately", show_default=True)
@click.option("--last", default=0.2, show_default=True, help="Share of the file, by date, that is judged.")
def main(file: Path, recipe: str, last: float) -> None:
    """Prints accuracy and how often the true topic is among the first three, three ways."""
    told = _read(file, last)
    start, end = told.known, len(told.texts)
    click.echo(
        f"{end:,} comments, {len(set(told.topics.tolist()))} topics; judged: the last {end - start:,}, "
        f"from {told.dates[start]} to {told.dates[-1]}; recipe {recipe}"
    )
    unheard = np.isin(told.topics[start:], told.topics[:start], invert=True).sum()
    values, counts = np.unique(told.topics[:start], return_counts=True)
    commonest = (told.topics[start:] == values[counts.argmax()]).mean()
    click.echo(
        f"of these {unheard} of topics never heard of before; always the commonest topic before: {commonest:.3f}"
    )
    rank = _margin(told) if recipe == "margin" else _lately(told)
    slices = sorted(set(np.linspace(start, end, SLICES + 1).astype(int).tolist()))
    for name, edges in (
        ("a model of all before, left as it was", [start, end]),
        (f"trained anew before each of {SLICES} slices", slices),
        ("trained anew each day", list(_days(told))),
    ):
        ranked = np.concatenate([rank(*ends) for ends in pairwise(edges)])
        right = ranked == told.topics[start:, np.newaxis]
        low, high = wilson(int(right[:, 0].sum()), len(right))
        first, among = right[:, 0].mean(), right.any(axis=1).mean()
        click.echo(f"{name:40s} accuracy {first:.3f} [{low:.3f}, {high:.3f}]   top-{TOP} {among:.3f}")


def _days(told: Told) -> Iterator[int]:
    place = told.known
    yield place
    for _, day in groupby(told.dates[place:]):
        place += len(list(day))
        yield place


def _margin(told: Told) -> Rank:
    def rank(begin: int, end: int) -> NDArray[Any]:
        features = CommentFeatures(BITS).fit(told.texts[:begin])
        parts = (told.texts[:begin], told.texts[begin:end])
        train, test = (features.transform(part)[:, : 2**BITS] for part in parts)
        _, places, counts = np.unique(told.topics[:begin], return_inverse=True, return_counts=True)
        weights = 1 / np.sqrt(np.maximum(counts, SMALLEST))[places]
        model = LinearSVC(C=0.2, tol=0.01).fit(train, told.topics[:begin], sample_weight=weights / weights.mean())
        best: NDArray[Any] = np.asarray(model.classes_)[np.argsort(-model.decision_function(test), axis=1)[:, :TOP]]
        return best

    return rank


def _lately(told: Told) -> Rank:
    """Rows before a cut are the leading block of the kernel matrix. With kernel + ridge = L L' and W = L^-1 Y, what a
    model of exactly the rows before b says of those from b to e is L[b:e, :b] @ W[:b]: one factor serves every cut."""
    classes = np.unique(told.topics)
    ones = (told.topics[:, np.newaxis] == classes).astype(np.float32)
    lower = linalg.cholesky(_kernel(told), lower=True, overwrite_a=True, check_finite=False)
    solved = linalg.solve_triangular(lower, ones, lower=True, check_finite=False)

    def rank(begin: int, end: int) -> NDArray[Any]:
        fading = 0.5 ** (np.arange(begin)[::-1] / HALF_LIFE)
        recent, ever = fading @ ones[:begin] + 0.5, ones[:begin].sum(axis=0) + 0.5
        commoner = np.log(recent / recent.sum() / (ever / ever.sum()))
        scores = lower[begin:end, :begin] @ solved[:begin] + SHIFT * commoner
        heard_of = ones[:begin].any(axis=0)
        best: NDArray[Any] = classes[np.argsort(-np.where(heard_of, scores, -np.inf), axis=1)[:, :TOP]]
        return best

    return rank


def _kernel(told: Told) -> NDArray[np.float32]:
    """Likeness of every two comments, with the ridge on its diagonal; rarities and sizes are those of `known` rows."""
    rows = CommentFeatures(BITS).fit(told.texts[: told.known]).transform(told.texts)
    parts = [normalize(rows[:, begin : begin + 2**BITS]) for begin in (0, 2**BITS)]
    rows = (sparse.hstack(parts, format="csr") * np.sqrt(0.5)).astype(np.float32)
    size, across = len(told.texts), rows.T.tocsr()
    kernel = np.zeros((size, size), dtype=np.float32)
    for begin in range(0, size, BLOCK):  # its lower half alone
        block = slice(begin, begin + BLOCK)
        kernel[block, : begin + BLOCK] = (rows[block] @ across[:, : begin + BLOCK]).toarray()
    kernel += 1  # stands for the intercept
    sizes = dict(zip(*np.unique(told.topics[: told.known], return_counts=True), strict=True))
    weights = np.array([max(sizes.get(topic, 0), SMALLEST) ** -POWER for topic in told.topics])
    kernel[np.diag_indices_from(kernel)] += (RIDGE * weights[: told.known].mean() / weights).astype(np.float32)
    return kernel


def _read(file: Path, last: float) -> Told:
    csv.field_size_limit(16 * 1024 * 1024)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = {"date", "text", "topic"} - set(reader.fieldnames or ())
        if missing:
            raise click.ClickException(f"{file}: no column {', '.join(sorted(missing))}")
        rows = sorted((row for row in reader if row["topic"]), key=lambda row: row["date"])
    if not rows:
        raise click.ClickException(f"{file}: no row has a topic")
    return Told(
        dates=[row["date"] for row in rows],
        texts=[row["text"] for row in rows],
        topics=np.array([row["topic"] for row in rows]),
        known=int(len(rows) * (1 - last)),
    )


if __name__ == "__main__":
    main()
