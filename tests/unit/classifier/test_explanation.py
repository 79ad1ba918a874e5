"""Explanations: everything that is named adds up to what the head says."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classifier.explanation.reason import HeadName, Reason
from services.classifier.explanation.weighing import PLACES, explain
from services.classifier.model import Model
from services.classifier.spelling.letters import LIMIT
from services.classifier.training.run import Training

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=120)
TEXTS = [
    "",
    "😡😡",
    "а",
    "Когда включат воду в доме 5?",
    "Зaрaбoток 5000 руб, пиши @name или 8 900 000-00-00 https://example.ru",
    "з а р а б о т о к σнлайн",
    "ﷺ ﬁ и\u0306 № 5…",
    "\ud800 \x00 \ue000",
    "слово " * 300,
]
HEADS: tuple[HeadName, ...] = ("spam", "tag", "topic", "toxic", "urgent")


@pytest.fixture(scope="module")
def model(training: Training) -> Model:
    return training.model()


def total(reason: Reason) -> float:
    named = sum(span.weight for span in [*reason.towards, *reason.against])
    return reason.intercept + reason.rest + named + sum(signal.weight for signal in reason.signals)


def outputs(model: Model, name: str, text: str) -> dict[str, float]:
    head, batch = model.heads[name], model.features.batch([text])
    sums = head.intercepts.astype(np.float64)
    for block, values in ((head.chars, batch.chars), (head.words, batch.words)):
        if block.size:
            sums = sums + (values @ block)[0]
    if head.signals.size:
        sums = sums + (batch.signals @ head.signals)[0]
    names = head.classes if sums.size > 1 else (name,)
    return dict(zip(names, sums.tolist(), strict=True))


@given(st.sampled_from(TEXTS) | ANY_TEXT, st.integers(0, 12))
@settings(max_examples=150)
def test_it_adds_up(model: Model, text: str, most: int) -> None:
    explanation = explain(model, text, heads=HEADS, most=most)
    for name, reasons in explanation.reasons.items():
        said = outputs(model, name, text)
        for reason in reasons:
            assert reason.output == pytest.approx(said[reason.name], abs=1e-3)
            assert total(reason) == pytest.approx(reason.output, abs=10**-PLACES * 40)
            assert len(reason.towards) <= most >= len(reason.against)
            assert all(span.weight >= 0 for span in reason.towards)
            assert all(span.weight <= 0 for span in reason.against)
            for spans in (reason.towards, reason.against):
                assert [abs(span.weight) for span in spans] == sorted((abs(s.weight) for s in spans), reverse=True)
            for span in [*reason.towards, *reason.against]:
                assert 0 <= span.start < span.stop <= len(text)
                assert span.text == text[span.start : span.stop].encode("utf-8", "replace").decode()
    msgspec.json.encode(explanation)


@given(ANY_TEXT)
@settings(max_examples=30)
def test_spans_do_not_overlap(model: Model, text: str) -> None:
    (spam,) = explain(model, text, heads=["spam"], most=len(text) + 1).reasons["spam"]
    spans = sorted((span.start, span.stop) for span in [*spam.towards, *spam.against])
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert spam.rest == pytest.approx(0, abs=1e-3) or not spans


def test_words_are_named_as_they_were_written(model: Model) -> None:
    text = "Нет ВОДЫ, когда включат?!"
    reasons = explain(model, text, most=20).reasons["tag"]
    assert {reason.name for reason in reasons} == {"question", "complaint", "other"}
    for reason in reasons:
        named = {span.text for span in [*reason.towards, *reason.against]}
        assert named <= {"Нет", "ВОДЫ", ",", "когда", "включат", "?!"}
        assert len(named) >= 5
        assert "capitals" in {signal.name for signal in reason.signals}


def test_what_was_disguised_is_shown(model: Model) -> None:
    text = "Ищу рaбoту, з а й м!"
    explanation = explain(model, text)
    assert [(word.text, word.read_as, word.how) for word in explanation.disguised] == [
        ("рaбoту", "работу", "letters"),
        ("з а й м", "займ", "spacing"),
    ]
    spans = [span for reason in explanation.reasons["spam"] for span in [*reason.towards, *reason.against]]
    assert {"рaбoту", "з а й м"} <= {span.text for span in spans}


def test_personal_data_stands_where_it_was_written(model: Model) -> None:
    text = "ﬁﬁ… тел. 8 (900) 000-00-00"
    (found,) = explain(model, text).personal_data
    assert text[found.start : found.stop] == "8 (900) 000-00-00"
    assert found.datum == "phone"


def test_only_the_heads_that_were_asked_for(model: Model) -> None:
    assert list(explain(model, "Когда включат воду?", heads=["toxic"]).reasons) == ["toxic"]
    assert explain(model, "Когда включат воду?", heads=[]).reasons == {}


@pytest.mark.parametrize("text", ["a" * 100_000, "а " * 50_000, "\ufdfa" * 5_000, "😡" * 100_000, chr(LIMIT) * 100_000])
def test_long_texts(model: Model, text: str) -> None:
    (spam,) = explain(model, text, heads=["spam"]).reasons["spam"]
    assert total(spam) == pytest.approx(spam.output, abs=0.01)
