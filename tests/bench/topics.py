"""How well topics are told by time: `python -m tests.bench.topics FILE.csv`, with columns `date`, `text`, `topic`.

The file's own topics are the classes. The last fifth by date is judged twice: by a model of the first four fifths, left
as it was, and slice by slice by models of everything before each slice, as where corrections are learned from. What is
new at the end of a file (the first snow) is all but unknown to the former.

`margin` was chosen on the first four fifths alone, month by month, each month judged by a model of those before it:
linear SVM over the character n-grams, C = 0.2, a class of n comments weighted by 1 / sqrt(n): 0.706; unweighted 0.695,
fully balanced 0.694; with words beside 0.709; 2**18 instead of 2**16 columns 0.709. `head` is the packaged model's own.
"""

from __future__ import annotations

import os

# Read when NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import csv
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from services.classifier.features import CommentFeatures
from services.classifier.training.evaluation.measures import wilson
from services.classifier.training.specs import SPECS

TOP = 3


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--recipe", type=click.Choice(["margin", "head"]), default="margin", show_default=True)
@click.option("--bits", default=16, show_default=True, type=click.IntRange(10, 20))
@click.option("--last", default=0.2, show_default=True, help="Share of the file, by date, that is judged.")
@click.option("--slices", default=10, show_default=True, type=click.IntRange(1, 100))
def main(file: Path, recipe: str, bits: int, last: float, slices: int) -> None:
    """Prints accuracy and how often the true topic is among the first three, both ways."""
    dates, texts, topics = _read(file)
    start = int(len(texts) * (1 - last))
    click.echo(
        f"{len(texts):,} comments, {len(set(topics.tolist()))} topics; judged: the last {len(texts) - start:,}, "
        f"from {dates[start]} to {dates[-1]}; recipe {recipe}"
    )
    unheard = np.isin(topics[start:], topics[:start], invert=True).sum()
    click.echo(f"of these {unheard} of topics never heard of before; baseline, the commonest topic before: ", nl=False)
    values, counts = np.unique(topics[:start], return_counts=True)
    click.echo(f"{(topics[start:] == values[counts.argmax()]).mean():.3f}")
    told = Told(texts=texts, topics=topics, recipe=recipe, bits=bits)
    _show("a model of all before, left as it was", [_hits(told, start, len(texts))])
    edges = sorted(set(np.linspace(start, len(texts), slices + 1).astype(int).tolist()))
    _show(f"trained anew before each of {slices} slices", [_hits(told, *ends) for ends in pairwise(edges)])


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is, in the order of time, and how it is to be learned."""

    texts: Sequence[str]
    topics: NDArray[Any]
    recipe: str
    bits: int


def _hits(told: Told, begin: int, end: int) -> tuple[int, int, int]:
    """Judged, right at once, right among the first three: rows `begin` to `end` by a model of those before."""
    features = CommentFeatures(told.bits).fit(told.texts[:begin])
    columns = 2**told.bits
    train, test = (features.transform(part)[:, :columns] for part in (told.texts[:begin], told.texts[begin:end]))
    model = _fitted(train, told.topics[:begin], told.recipe)
    ranked = np.asarray(model.classes_)[np.argsort(-model.decision_function(test), axis=1)[:, :TOP]]
    truth = told.topics[begin:end]
    return len(truth), int((ranked[:, 0] == truth).sum()), int((ranked == truth[:, np.newaxis]).any(axis=1).sum())


def _fitted(matrix: sparse.csr_matrix, topics: NDArray[Any], recipe: str) -> Any:
    if recipe == "head":
        (spec,) = [spec for spec in SPECS if spec.name == "topic"]
        return LogisticRegression(C=spec.strength, class_weight="balanced", max_iter=300, tol=1e-3).fit(matrix, topics)
    _, places, counts = np.unique(topics, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(np.maximum(counts, 5))[places]
    return LinearSVC(C=0.2, tol=0.01).fit(matrix, topics, sample_weight=weights / weights.mean())


def _show(name: str, parts: Sequence[tuple[int, int, int]]) -> None:
    rows, first, among = (sum(part[place] for part in parts) for place in range(3))
    low, high = wilson(first, rows)
    click.echo(f"{name:40s} accuracy {first / rows:.3f} [{low:.3f}, {high:.3f}]   top-{TOP} {among / rows:.3f}")


def _read(file: Path) -> tuple[list[str], list[str], NDArray[Any]]:
    csv.field_size_limit(16 * 1024 * 1024)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = {"date", "text", "topic"} - set(reader.fieldnames or ())
        if missing:
            raise click.ClickException(f"{file}: no column {', '.join(sorted(missing))}")
        rows = sorted((row for row in reader if row["topic"]), key=lambda row: row["date"])
    if not rows:
        raise click.ClickException(f"{file}: no row has a topic")
    return [row["date"] for row in rows], [row["text"] for row in rows], np.array([row["topic"] for row in rows])


if __name__ == "__main__":
    main()
