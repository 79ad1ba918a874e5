"""What repetition may do to a judgement, and what it may never do."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.repetition.policy import MOST, READS_AS_CITIZEN, WEIGHTS, reads_as_citizen, weigh, weight
from shared.events import Repeated
from tests.fixtures.careful import judgement

BORDER = 0.6


def repeated(pages: int = 1, authors: int = 1, comments: int | None = None) -> Repeated:
    return Repeated(same="text", comments=comments or max(2, pages, authors), pages=pages, authors=authors)


@pytest.mark.parametrize(
    ("pages", "authors", "factor"),
    [(1, 1, 1), (2, 4, 1), (3, 1, 3), (1, 5, 3), (9, 14, 3), (10, 1, 10), (1, 15, 10), (30, 0, 30), (1, 40, 30)],
)
def test_how_much_it_weighs(pages: int, authors: int, factor: float) -> None:
    assert weight(repeated(pages, authors)) == factor


def test_what_nobody_else_wrote_weighs_nothing() -> None:
    assert weight(None) == 1


OTHER = {"question": 0.02, "complaint": 0.03, "spam": 0.35, "other": 0.6}
SPAM = {"question": 0.05, "complaint": 0.05, "spam": 0.5, "other": 0.4}
COMPLAINT = {"question": 0.1, "complaint": 0.5, "spam": 0.3, "other": 0.1}
MAYBE = {"question": 0.2, "complaint": 0.15, "spam": 0.33, "other": 0.32}


class Case(NamedTuple):
    """What was said, what repetition there was, and what becomes of it."""

    tag: str
    scores: dict[str, float]
    unsure: bool
    pages: int
    authors: int
    after: str
    unsure_after: bool


GREETING = {**OTHER, "spam": 0.01, "other": 0.94}
HARDLY_SPAM = {"question": 0.1, "complaint": 0.1, "spam": 0.41, "other": 0.39}

CASES = {
    "a greeting passed on stays what it is": Case("other", GREETING, False, 30, 40, "other", False),
    "an advertisement under many pages is shown to a person": Case("other", OTHER, False, 10, 1, "spam", True),
    "few repetitions lift it too, and a person looks": Case("other", OTHER, True, 3, 1, "spam", True),
    "a single copy changes nothing": Case("other", OTHER, True, 2, 2, "other", True),
    "what was spam by its words becomes sure": Case("spam", SPAM, True, 10, 1, "spam", False),
    "but not by a copy or two": Case("spam", HARDLY_SPAM, True, 2, 2, "spam", True),
    "two hundred parents are an incident": Case("complaint", COMPLAINT, False, 60, 60, "complaint", False),
    "so they are when the words are not clear": Case("spam", MAYBE, True, 60, 60, "spam", True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_policy(case: Case) -> None:
    before = judgement(case.tag, unsure=case.unsure, **case.scores)
    found = weigh(before, repeated(case.pages, case.authors), border=BORDER)
    assert (found.tag, found.unsure) == (case.after, case.unsure_after)


SHARES = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(lambda parts: sum(parts) > 0.01)


@given(SHARES, st.integers(1, 64), st.integers(0, 64), st.booleans())
def test_what_always_holds(parts: list[float], pages: int, authors: int, unsure: bool) -> None:
    names = ("question", "complaint", "spam", "other")
    scores = {name: round(part / sum(parts), 4) for name, part in zip(names, parts, strict=True)}
    tag = max(scores, key=lambda name: scores[name])
    before = judgement(tag, unsure=unsure, **scores)
    after = weigh(before, repeated(pages, authors), border=BORDER)

    assert abs(sum(after.scores.values()) - 1.0) < 0.001
    assert after.confidence == after.scores[after.tag]
    assert after.scores["spam"] >= before.scores["spam"] - 0.0001
    assert after.scores["spam"] <= max(MOST, before.scores["spam"])
    if scores["question"] + scores["complaint"] >= READS_AS_CITIZEN or tag in ("question", "complaint"):
        assert reads_as_citizen(before)
        assert after is before
    if after.tag != before.tag:
        assert after.tag == "spam"
        assert after.unsure
    if before.tag != "spam" and before.unsure:
        assert after.unsure


@pytest.mark.parametrize(
    ("language", "same", "tag"),
    [("uz", "text", "other"), ("uz", "contact", "spam"), ("uk", "text", "spam"), (None, "text", "spam")],
)
def test_what_cannot_be_read_may_be_a_complaint(language: str | None, same: str, tag: str) -> None:
    before = msgspec.structs.replace(judgement("other", unsure=True, **OTHER), language=language)
    found = weigh(before, Repeated(same=same, comments=64, pages=60, authors=60), border=BORDER)  # type: ignore[arg-type]  # one of the two
    assert (found.tag, found.unsure) == (tag, True)


def test_spam_in_another_language_stays_unsure() -> None:
    before = msgspec.structs.replace(judgement("spam", unsure=True, **SPAM), language="en")
    found = weigh(before, repeated(60, 60), border=BORDER)
    assert found.confidence > BORDER
    assert found.unsure


def test_the_table_falls() -> None:
    assert list(WEIGHTS) == sorted(WEIGHTS, reverse=True)
