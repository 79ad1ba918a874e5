"""Thresholds from what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from services.classifier.training.borders import MAX_UNSURE, SURE_ACCURACY, choose_thresholds, judged_rows
from services.classifier.training.heads import Examples, Fitted, HeadSpec


def fitted(
    name: str, unseen: list[list[float]], labels: list[str], classes: tuple[str, ...], stream: bool = True
) -> Fitted:
    return Fitted(
        spec=HeadSpec(name=name, strength=1.0),
        classes=classes,
        coefficients=np.zeros((1, 1)),
        intercepts=np.zeros(1),
        temperature=1.0,
        examples=Examples(
            matrix=sparse.csr_matrix((len(labels), 1)),
            labels=np.array(labels),
            streamlike=np.full(len(labels), stream),
        ),
        unseen=np.array(unseen),
        folds=(),
    )


def flag(name: str) -> Fitted:
    return fitted(name, [[0.8, 0.2], [0.7, 0.3], [0.4, 0.6], [0.1, 0.9]], ["0", "0", "1", "1"], ("0", "1"))


def test_unsure_reaches_the_accuracy_asked_for() -> None:
    # Ten sure and right, two unsure and wrong: between .55 and .8 lies the border.
    tag = fitted("tag", [[0.8, 0.2]] * 10 + [[0.55, 0.45]] * 2, ["other"] * 10 + ["spam"] * 2, ("other", "spam"))
    assert tag.unseen.max(axis=1).mean() < SURE_ACCURACY
    assert 0.55 < choose_thresholds(tag, flag("toxic"), flag("urgent")).unsure <= 0.8


def test_unsure_is_bounded() -> None:
    # Nothing is ever right: not more than MAX_UNSURE is given to people for it.
    unseen = [[0.5 + step / 200, 0.5 - step / 200] for step in range(100)]
    tag = fitted("tag", unseen, ["spam"] * 100, ("other", "spam"))
    threshold = choose_thresholds(tag, flag("toxic"), flag("urgent")).unsure
    assert (tag.unseen.max(axis=1) < threshold).mean() <= MAX_UNSURE + 1e-9


def test_flags_part_where_f1_is_best() -> None:
    tag = fitted("tag", [[0.9, 0.1]] * 4, ["other"] * 4, ("other", "spam"))
    thresholds = choose_thresholds(tag, flag("toxic"), flag("urgent"))
    assert thresholds.toxic == thresholds.urgent == pytest.approx(0.45, abs=0.15)


def test_the_stream_decides_where_there_is_one() -> None:
    assert judged_rows(flag("toxic")).all()
    apart = fitted("toxic", [[0.5, 0.5]] * 3, ["0", "1", "1"], ("0", "1"), stream=False)
    assert judged_rows(apart).all()
