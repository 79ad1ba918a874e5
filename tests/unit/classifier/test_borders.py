"""Thresholds from what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from services.classifier.judgement import Border
from services.classifier.model import APPEALS, TAGS
from services.classifier.training.borders import (
    FLAG_PRECISION,
    MAX_UNSURE,
    SPAM_PRECISIONS,
    SPAM_SHARE,
    SURE_ACCURACY,
    TagsUnseen,
    choose_thresholds,
    choose_unsure,
    highest_recall,
)
from services.classifier.training.examples import Examples
from services.classifier.training.heads import QUESTION_MARKS, Fitted, as_on_pages, judged_rows
from services.classifier.training.rows import Row
from services.classifier.training.specs import FOLDS, SPECS

ROUNDS = 20
"""Enough of every kind for a border to be told."""


def fitted(
    name: str,
    unseen: NDArray[np.float64],
    labels: list[str],
    *,
    stream: list[bool] | bool = True,
    real: list[bool] | bool = True,
    places: list[int] | None = None,
) -> Fitted:
    """A head of which only matters what it said of each row."""
    size = len(labels)
    (spec,) = [spec for spec in SPECS if spec.name == name]
    rows = np.arange(size) if places is None else np.array(places)
    return Fitted(
        spec=spec,
        classes=tuple(sorted(set(labels))),
        coefficients=np.zeros((unseen.shape[1], 1)),
        intercepts=np.zeros(unseen.shape[1]),
        strength=1.0,
        temperature=1.0,
        examples=Examples(
            matrix=sparse.csr_matrix((size, 1)),
            labels=np.array(labels),
            weights=np.ones(size),
            streamlike=np.broadcast_to(np.array(stream), size),
            real=np.broadcast_to(np.array(real), size),
            places=rows,
            asking=np.zeros(size, dtype=bool),
            groups=rows,
        ),
        unseen=unseen,
        folds=(),
    )


def yes_or_no(name: str, chances: list[float], labels: list[str], **more: list[bool] | bool) -> Fitted:
    yes = np.array(chances)
    return fitted(name, np.stack([1 - yes, yes], axis=1), labels, **more)  # type: ignore[arg-type]  # flags alone


def flag(name: str) -> Fitted:
    return yes_or_no(name, [0.2, 0.3, 0.6, 0.9] * ROUNDS, ["0", "0", "1", "1"] * ROUNDS)


def scores(*said: tuple[str, float]) -> NDArray[np.float64]:
    """So sure of each tag; the rest is shared by the others."""
    return np.array([[sure if tag == name else (1 - sure) / 3 for tag in TAGS] for name, sure in said])


@pytest.mark.parametrize(
    ("rows", "precision", "expected"),
    [
        # (probability, is it true) of each row; then threshold and recall.
        ([(0.9, True), (0.5, False), (0.4, True)], 0.9, (0.9, 0.5)),
        ([(0.9, True), (0.5, False), (0.4, True)], 0.66, (0.4, 1.0)),
        ([(0.9, True), (0.5, False), (0.4, True), (0.1, False)], 0.66, (0.4, 1.0)),
        ([(0.9, False), (0.8, True), (0.7, True), (0.6, True)], 0.75, (0.6, 1.0)),
        ([(0.9, False), (0.8, True)], 0.9, None),
        ([(0.9, False)], 0.0, None),
        ([(0.9, True)], 1.0, (0.9, 1.0)),
        # Equal ones cannot be told apart.
        ([(0.9, True), (0.5, True), (0.5, False)], 0.9, (0.9, 0.5)),
        ([(0.9, True), (0.5, True), (0.5, False)], 0.6, (0.5, 1.0)),
        # Nor can those that differ in the fifth place alone.
        ([(0.9, True), (0.50003, True), (0.50001, False)], 0.9, (0.9, 0.5)),
        ([(0.50009, True)], 1.0, (0.5, 1.0)),
        ([(1.0, True), (0.99999, False)], 1.0, (1.0, 1.0)),
        ([(0.0, True)], 1.0, (0.0, 1.0)),
        ([], 0.5, None),
    ],
)
def test_the_highest_recall(
    rows: list[tuple[float, bool]], precision: float, expected: tuple[float, float] | None
) -> None:
    probability = np.array([chance for chance, _ in rows], dtype=float)
    truth = np.array([true for _, true in rows], dtype=bool)
    border = highest_recall(truth, probability, precision)
    assert border == (
        None if expected is None else Border(precision=precision, threshold=expected[0], recall=expected[1])
    )


def test_weights_stand_for_another_population() -> None:
    truth, probability = np.array([True, True, False]), np.array([0.9, 0.5, 0.6])
    assert highest_recall(truth, probability, 0.6) == Border(precision=0.6, threshold=0.5, recall=1.0)
    # With ten times as many of the false, the second true one is no longer to be had.
    rarely = highest_recall(truth, probability, 0.6, np.array([1.0, 1.0, 10.0]))
    assert rarely == Border(precision=0.6, threshold=0.9, recall=0.5)
    # A true one that counts three times is three quarters of the true.
    heavy = highest_recall(truth, probability, 1.0, np.array([3.0, 1.0, 1.0]))
    assert heavy == Border(precision=1.0, threshold=0.9, recall=0.75)


@given(
    st.lists(st.tuples(st.integers(0, 40).map(lambda step: step / 40) | st.floats(0, 1), st.booleans()), max_size=30),
    st.sampled_from([0.0, 0.3, 0.5, 0.9, 0.999, 1.0]),
)
def test_a_border_keeps_what_it_promises_and_none_below_does(rows: list[tuple[float, bool]], precision: float) -> None:
    probability = np.array([chance for chance, _ in rows], dtype=float)
    truth = np.array([true for _, true in rows], dtype=bool)

    def reached(threshold: float) -> tuple[float, float]:
        above = probability >= threshold
        return truth[above].mean() if above.any() else 0.0, (truth & above).sum() / max(truth.sum(), 1)

    border = highest_recall(truth, probability, precision)
    lower = np.unique(np.floor(probability * 10_000) / 10_000)
    if border is not None:
        found = reached(border.threshold)
        assert found[0] >= precision - 1e-9
        assert found[1] == pytest.approx(border.recall, abs=1e-4)
        assert border.recall > 0
        lower = lower[lower < border.threshold]
    for threshold in lower.tolist():
        met, recall = reached(threshold)
        assert met < precision or not recall


def test_unsure_reaches_the_accuracy_asked_for() -> None:
    # Ten sure and right, two unsure and wrong: between .55 and .8 lies the border.
    said = scores(*[("other", 0.8)] * 10, *[("other", 0.55)] * 2)
    truth = np.array(["other"] * 10 + ["spam"] * 2)
    assert SURE_ACCURACY > 10 / 12
    assert 0.55 < choose_unsure(truth, said) <= 0.8


def test_where_all_is_right_hardly_anything_is_unsure() -> None:
    assert choose_unsure(np.array(["spam", "other"] * 10), scores(*[("spam", 0.9), ("other", 0.4)] * 10)) == 0.25


def test_unsure_is_bounded() -> None:
    # Nothing is ever right: not more than MAX_UNSURE is given to people for it.
    said = scores(*[("other", 0.5 + step / 200) for step in range(100)])
    threshold = choose_unsure(np.array(["spam"] * 100), said)
    assert threshold > 0.5
    assert (said.max(axis=1) < threshold).mean() <= MAX_UNSURE + 1e-9


def tags_of(labels: list[str], places: list[int] | None = None) -> Fitted:
    """A tag head that is right and .8 sure of every row."""
    unseen = np.array([[0.8 if name == label else 0.1 for name in APPEALS] for label in labels])
    head = fitted("tag", unseen, labels, places=places)
    head = Fitted(**{field: getattr(head, field) for field in head.__struct_fields__} | {"classes": APPEALS})
    return head


@pytest.fixture
def tags() -> TagsUnseen:
    """Of five rows, about which the tests here do not ask."""
    rows = [Row(text="", tag="other")] * 5
    return TagsUnseen(yes_or_no("spam", [0.0] * 5, ["0"] * 5), tags_of(["other"] * 5), rows)


def test_a_flag_is_raised_as_often_as_its_precision_allows(tags: TagsUnseen) -> None:
    # Of everything three in ten deserve it, of what lies from .3 on three in five.
    chances = [0.9, 0.5, 0.3, 0.4, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1] * ROUNDS
    labels = ["1", "1", "1", "0", "0", "0", "0", "0", "0", "0"] * ROUNDS
    assert FLAG_PRECISION["urgent"] < 3 / 10 < FLAG_PRECISION["toxic"] < 3 / 5
    toxic, urgent = yes_or_no("toxic", chances, labels), yes_or_no("urgent", chances, labels)
    told = choose_thresholds(tags, yes_or_no("spam", [0.5], ["1"]), toxic, urgent)
    assert (told.toxic, told.urgent) == (0.3, 0.1)


def test_a_flag_that_never_is_precise_parts_where_f1_is_best(tags: TagsUnseen) -> None:
    # No border keeps its precision: one in five of the highest is right.
    chances, labels = [0.9, 0.9, 0.9, 0.9, 0.9, 0.2] * ROUNDS, ["0", "0", "0", "0", "1", "0"] * ROUNDS
    told = choose_thresholds(tags, yes_or_no("spam", [0.5], ["1"]), yes_or_no("toxic", chances, labels), flag("urgent"))
    assert 0.2 < told.toxic <= 0.9
    assert told.urgent == 0.2  # half of everything deserves it


def test_spam_borders_are_reckoned_for_a_page(tags: TagsUnseen) -> None:
    # Of 1,000 real comments that are no spam 10 look a little like it, of 100 spams half look very much like it.
    size = 1_000
    chances = [0.1] * (size - 10) + [0.6] * 10 + [0.6] * 50 + [0.95] * 50
    labels = ["0"] * size + ["1"] * 100
    told = choose_thresholds(
        tags,
        yes_or_no("spam", chances, labels, real=[True] * size + [False] * 100),
        flag("toxic"),
        flag("urgent"),
    )
    # SPAM_SHARE of a page are 52.6 for a thousand others: 52.6 of 62.6 are spam above .6, which is 84 %.
    wanted = SPAM_SHARE / (1 - SPAM_SHARE) * size
    assert 0.8 < wanted / (wanted + 10) < SPAM_PRECISIONS[0]
    assert [border.precision for border in told.spam] == list(SPAM_PRECISIONS)
    assert {(border.threshold, border.recall) for border in told.spam} == {(0.95, 0.5)}


@pytest.mark.parametrize(("real", "threshold"), [(199, 0.9), (200, 0.5)])
def test_real_comments_decide_about_spam_where_there_are_enough(tags: TagsUnseen, real: int, threshold: float) -> None:
    # Of those thought up, as many look like spam as none of the real ones does.
    thought_up = 300
    chances = [0.1] * real + [0.6] * thought_up + [0.9] * 25 + [0.5] * 25
    labels = ["0"] * (real + thought_up) + ["1"] * 50
    spam = yes_or_no("spam", chances, labels, real=[True] * real + [False] * (thought_up + 50))
    told = choose_thresholds(
        tags,
        spam,
        flag("toxic"),
        flag("urgent"),
    )
    assert {border.threshold for border in told.spam} == {threshold}


def test_few_comments_tell_no_border(tags: TagsUnseen) -> None:
    told = choose_thresholds(
        tags,
        yes_or_no("spam", [0.1] * 199 + [0.9] * 50, ["0"] * 199 + ["1"] * 50),
        flag("toxic"),
        flag("urgent"),
    )
    assert told.spam == ()


def test_both_heads_together_say_a_tag() -> None:
    rows = [
        Row(text="а", tag="complaint", streamlike=True),
        Row(text="б", tag="spam", streamlike=True),
        Row(text="в", no_spam=True),
        Row(text="г", tag="other"),
    ]
    spam = yes_or_no("spam", [0.2, 0.9, 0.1, 0.5], ["0", "1", "0", "0"], stream=[True, True, False, False])
    # The tag head has seen no spam; of it, it says what all its weights say: here nothing.
    unseen = TagsUnseen(spam, tags_of(["complaint", "other"], places=[0, 3]), rows)
    assert unseen.truth.tolist() == ["complaint", "spam", "other"]
    columns = [TAGS.index(name) for name in ("complaint", "other", "question", "spam")]
    np.testing.assert_allclose(
        unseen.scores[:, columns], [[0.64, 0.08, 0.08, 0.2], [0.1 / 3] * 3 + [0.9], [0.05, 0.4, 0.05, 0.5]]
    )
    truth, said = unseen.judged()
    assert truth.tolist() == ["complaint", "spam"]  # thresholds are set on real ones
    np.testing.assert_array_equal(said, unseen.scores[:2])


def test_the_mean_of_two_readers() -> None:
    rows = [Row(text="а", tag="complaint"), Row(text="б", tag="other")]
    one, other = (
        TagsUnseen(yes_or_no("spam", chances, ["0", "0"], stream=False), tags_of(["complaint", "other"]), rows)
        for chances in ([0.0, 0.4], [0.5, 0.0])
    )
    mean = one.mean_with(other)
    np.testing.assert_allclose(mean.scores[:, TAGS.index("spam")], [0.25, 0.2])
    np.testing.assert_allclose(mean.scores.sum(axis=1), 1)
    assert one.scores[1, TAGS.index("spam")] == 0.4
    changed = TagsUnseen(
        yes_or_no("spam", [0.0, 0.0], ["0", "0"]),
        tags_of(["complaint", "other"]),
        [rows[0], Row(text="б", tag="question")],
    )
    with pytest.raises(ValueError, match="not the same rows"):
        one.mean_with(changed)


def test_the_stream_decides_where_there_is_enough_of_it() -> None:
    enough = 4 * FOLDS
    labels = ["0"] * enough + ["1"] * enough + ["0", "1"]
    stream = [True] * (2 * enough) + [False] * 2
    assert judged_rows(yes_or_no("toxic", [0.5] * len(labels), labels, stream=stream).examples).tolist() == stream
    stream[0] = False  # one of one kind too few
    assert judged_rows(yes_or_no("toxic", [0.5] * len(labels), labels, stream=stream).examples).all()
    assert judged_rows(yes_or_no("toxic", [0.5] * 3, ["0", "1", "1"], stream=False).examples).all()


def test_questions_count_as_rarely_as_under_real_pages() -> None:
    asking = np.array([True] * 6 + [False] * 4)
    weights = as_on_pages(asking)
    assert np.isclose(weights[asking].sum() / weights.sum(), QUESTION_MARKS)
    assert np.isclose(weights.mean(), 1)
    assert as_on_pages(np.array([True, True])).tolist() == [1, 1]


def test_unsure_is_chosen_for_the_population_that_weights_describe() -> None:
    truth = np.array(["other"] * 60 + ["question"] * 40)
    said = scores(*[("other", 0.95)] * 60, *[("other", 0.5)] * 40)
    assert choose_unsure(truth, said) == 0.5, "40 of 100 are wrong, and 20 may be unsure"
    rare = np.array([1.0] * 60 + [0.2] * 40)
    assert choose_unsure(truth, said, rare) == 0.51, "8 of 68 are wrong, and may be unsure"
