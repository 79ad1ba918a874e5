"""What scikit-learn asks of every estimator, asked of the features (docs/adr/estimator-checks.md)."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

from services.classifier.features import SIGNALS, CommentFeatures, width

EXPECTED_FAILURES: dict[str, str] = {}
"""Name of a check that fails, and why that is right; so far there is none."""
SKIPPED = {"check_array_api_input"}
"""Asked only of who sets SCIPY_ARRAY_API: our arrays are NumPy's."""
TEXTS = ["Нет воды", "Спасибо!", "", "Когда включат воду?"]


class Spelt(CommentFeatures):
    """The same features of a table: each row is a text that spells its numbers.

    Nothing that can be asked of a table is asked of an estimator that says it reads texts.
    """

    def fit(self, table: Any, y: object = None) -> Spelt:
        super().fit(spelt(validate_data(self, table)))
        return self

    def transform(self, table: Any) -> sparse.csr_matrix:
        check_is_fitted(self)
        return super().transform(spelt(validate_data(self, table, reset=False)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        return tags


def spelt(table: NDArray[Any]) -> list[str]:
    return [" ".join(f"{float(number):.3g}" for number in row) for row in table]


def test_it_passes_the_checks_of_scikit_learn() -> None:
    results = check_estimator(Spelt(8), expected_failed_checks=EXPECTED_FAILURES, on_fail=None, on_skip=None)
    told: dict[str, set[str]] = {}
    for result in results:
        told.setdefault(result["status"], set()).add(result["check_name"])
    assert told.get("failed", set()) == set(), [result["exception"] for result in results if result["exception"]]
    assert told.get("xfail", set()) == set(EXPECTED_FAILURES)
    assert told.get("skipped", set()) == SKIPPED
    assert len(told["passed"]) > 40


def test_of_texts_scikit_learn_asks_little() -> None:
    with pytest.warns(SkipTestWarning, match="requires input  of type"):
        results = check_estimator(CommentFeatures(8), on_fail=None, on_skip=None)
    assert {(result["check_name"], result["status"]) for result in results} == {("check_estimator_cloneable", "passed")}


def test_it_says_what_it_reads_and_writes() -> None:
    tags = get_tags(CommentFeatures())
    assert (tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array) == (True, True, False)
    assert not tags.input_tags.sparse
    assert (tags.requires_fit, tags.non_deterministic, tags.target_tags.required) == (True, False, False)
    assert tags.transformer_tags.preserves_dtype == []
    matrix = CommentFeatures(8).fit_transform(TEXTS)
    assert sparse.issparse(matrix)
    assert matrix.dtype == np.float32


def test_before_it_has_learned_it_says_so() -> None:
    for ask in (CommentFeatures(8).transform, CommentFeatures(8).batch):
        with pytest.raises(NotFittedError, match="This CommentFeatures instance is not fitted yet"):
            ask(TEXTS)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ("Нет воды", "a sequence of texts is expected, not a single text"),
        (["Нет воды", 5], "texts are expected, not int"),
        ([None], "texts are expected, not NoneType"),
        ([b"text"], "texts are expected, not bytes"),
        (np.zeros((2, 2)), "texts are expected, not ndarray"),
    ],
)
def test_what_is_no_text_is_refused(texts: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        CommentFeatures(8).fit(texts)
    with pytest.raises(ValueError, match=complaint):
        CommentFeatures(8).fit(TEXTS).transform(texts)


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda texts: np.array(texts, dtype=object), iter])
def test_any_row_of_texts_will_do(kind: Any) -> None:
    expected = CommentFeatures(8).fit_transform(TEXTS)
    features = CommentFeatures(8).fit(kind(TEXTS))
    assert (features.transform(kind(TEXTS)) != expected).nnz == 0


def test_every_column_has_a_name() -> None:
    names = CommentFeatures(8).get_feature_names_out()
    assert len(names) == len(set(names)) == width(8)
    assert names[[0, 255, 256, 511]].tolist() == ["chars0", "chars255", "words0", "words255"]
    assert names[512:].tolist() == list(SIGNALS)


def test_it_can_be_copied_and_stored() -> None:
    features = CommentFeatures(bits=9).fit(TEXTS)
    assert clone(features).get_params() == {"bits": 9}
    with pytest.raises(NotFittedError):
        clone(features).transform(TEXTS)
    again = pickle.loads(pickle.dumps(features))  # noqa: S301 - our own
    assert (again.transform(TEXTS) != features.transform(TEXTS)).nnz == 0
    assert features.set_params(bits=8).fit(TEXTS).transform(TEXTS).shape == (len(TEXTS), width(8))


def test_it_stands_in_a_pipeline() -> None:
    texts = [f"{word} {number}" for number in range(10) for word in ("нет воды", "спасибо")]
    pipeline = make_pipeline(CommentFeatures(10), LogisticRegression())
    assert cross_val_score(pipeline, texts, ["complaint", "other"] * 10, cv=2).tolist() == [1.0, 1.0]
