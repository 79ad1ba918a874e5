"""What everybody would try first, trained in the same run on the same rows: the bar for our own readers."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from services.classifier.model import TAGS
from services.classifier.training.evaluation.reading import Reading
from services.classifier.training.rows import Row

FASTTEXT_MISSING = "fastText is not installed (fasttext-community, in the extra `dev`): that baseline is left out"


class Tfidf:
    """scikit-learn's own TF-IDF of words and of characters, and its LogisticRegression."""

    name = "TF-IDF + LR"
    at_once = 1_024

    def __init__(self, rows: Sequence[Row]) -> None:
        """Learns from the rows whose tag is known."""
        texts, tags = _tagged(rows)
        self._pipeline = tfidf_pipeline().fit(texts, tags)

    def read(self, texts: Sequence[str]) -> Reading:
        """The tags' probabilities."""
        return Reading(scores=_ordered(self._pipeline.predict_proba(texts), self._pipeline.classes_))


def tfidf_pipeline() -> Pipeline:
    """Words and pairs of them, and characters within words, as the documentation would have it."""
    return make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=2, sublinear_tf=True),
        ),
        LogisticRegression(C=10.0, class_weight="balanced", max_iter=1_000),
    )


class FastText:
    """fastText, supervised, with subwords."""

    name = "fastText"
    at_once = 1_024

    def __init__(self, rows: Sequence[Row]) -> None:
        """Learns from the rows whose tag is known; deterministic, because one thread does it.

        Raises ImportError where fastText is not installed.
        """
        texts, tags = _tagged(rows)
        self._model = train_fasttext(texts, tags)

    def read(self, texts: Sequence[str]) -> Reading:
        """The tags' probabilities."""
        scores = np.zeros((len(texts), len(TAGS)))
        labels, probabilities = self._model.predict([line(text) for text in texts], k=len(TAGS))
        for row, (names, values) in enumerate(zip(labels, probabilities, strict=True)):
            for name, value in zip(names, values, strict=True):
                scores[row, TAGS.index(name.removeprefix(_LABEL))] = value
        # A text without any known n-gram gets no label at all.
        scores[scores.sum(axis=1) == 0] = 1 / len(TAGS)
        return Reading(scores=scores / scores.sum(axis=1, keepdims=True))


def has_fasttext() -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec("fasttext") is not None


def train_fasttext(texts: Sequence[str], labels: Sequence[str]) -> Any:
    """A model of `fasttext` with character n-grams of 3 and 4, and pairs of words.

    Of seven settings tried on real comments (16 to 100 dimensions, n-grams of 2 to 5) this had the best macro-F1 and
    was three times as fast as the usual 100 dimensions: a baseline should be as good as it can be.
    """
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        with path.open("w", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{_LABEL}{tag} {line(text)}\n" for text, tag in zip(texts, labels, strict=True))
        return fasttext.train_supervised(
            str(path), lr=0.5, epoch=15, dim=30, wordNgrams=2, minn=3, maxn=4, bucket=100_000, thread=1, verbose=0
        )


def line(text: str) -> str:
    """As fastText wants it: one line, in lower case."""
    return " ".join(text.lower().encode("utf-8", "replace").decode().split())


_LABEL = "__label__"


def _tagged(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    known = [(row.text, row.tag) for row in rows if row.tag is not None]
    return [text for text, _ in known], [tag for _, tag in known]


def _ordered(scores: NDArray[np.float64], classes: Sequence[str]) -> NDArray[np.float64]:
    """Columns in the order of TAGS; a tag that was never shown has none."""
    ordered = np.zeros((len(scores), len(TAGS)))
    for column, name in enumerate(classes):
        ordered[:, TAGS.index(name)] = scores[:, column]
    return ordered
