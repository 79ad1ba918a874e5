from __future__ import annotations

from typing import Any

import pytest

from services.routing.domain.case_change import MAX_ANSWER, MAX_REASON, OUTCOMES, CaseChange, Submitted, event_name
from services.routing.domain.verb import VERBS, change_of
from shared.errors import Invalid
from tests.unit.routing.builders import START

FIELDS: dict[str, dict[str, str]] = {
    "accept": {},
    "start": {},
    "answer": {"text": "Сделано", "outcome": "resolved"},
    "retry": {},
    "confirm": {"where": "https://vk.ru/wall-1_45?reply=9"},
    "close": {},
    "return": {"to": "other-town", "reason": "не наша дорога"},
    "transfer": {"to": "other-town"},
    "reopen": {},
}


def make(verb: str, **fields: Any) -> CaseChange:
    action = "action-1" if verb == "retry" else None
    return change_of(verb, at=START, by="key-1", actor="agent", action=action, **fields)


def test_the_verbs_are_these() -> None:
    assert set(VERBS) == set(FIELDS)


@pytest.mark.parametrize("verb", FIELDS)
def test_each_verb_makes_its_event_with_its_fields(verb: str) -> None:
    event = make(verb, **FIELDS[verb])
    assert event_name(event) in {
        "accepted", "started", "answered", "retried", "answered_by_hand", "closed", "returned", "transferred",
        "reopened",
    }  # fmt: skip
    assert (event.at, event.by, event.actor) == (START, "key-1", "agent")
    for name, value in FIELDS[verb].items():
        assert getattr(event, name) == value


@pytest.mark.parametrize(("verb", "field"), [(verb, field) for verb, fields in FIELDS.items() for field in fields])
@pytest.mark.parametrize(("empty", "told"), [(None, "needs it"), ("", "needs more than"), ("  ", "needs more than")])
def test_a_missing_field_is_named(verb: str, field: str, empty: str | None, told: str) -> None:
    with pytest.raises(Invalid, match=f"{field}: {verb} {told}") as refused:
        make(verb, **{**FIELDS[verb], field: empty})
    assert refused.value.extra == {"field": field}


@pytest.mark.parametrize(
    ("verb", "field"),
    [(verb, field) for verb in FIELDS for field in ("to", "text", "outcome", "where") if field not in FIELDS[verb]],
)
def test_a_field_that_the_verb_does_not_take_is_named(verb: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(verb, **FIELDS[verb], **{field: "resolved"})
    assert refused.value.extra == {"field": field}


def test_an_answer_that_something_publishes_is_on_its_way() -> None:
    event = change_of(
        "answer", at=START, by="key-1", actor="agent", text="Сделано", outcome="resolved", action="action-1"
    )
    assert isinstance(event, Submitted)
    assert event.action == "action-1"
    with pytest.raises(Invalid):
        change_of("retry", at=START, by="key-1", actor="agent")


def test_a_reason_is_welcome_everywhere() -> None:
    assert make("accept", reason="берём").reason == "берём"


@pytest.mark.parametrize(("verb", "field", "limit"), [("answer", "text", MAX_ANSWER), ("return", "reason", MAX_REASON)])
def test_lengths_are_limited(verb: str, field: str, limit: int) -> None:
    assert make(verb, **{**FIELDS[verb], field: "я" * limit})
    with pytest.raises(Invalid, match=str(limit)):
        make(verb, **{**FIELDS[verb], field: "я" * (limit + 1)})


def test_only_known_outcomes() -> None:
    for outcome in OUTCOMES:
        assert make("answer", text="Да", outcome=outcome)
    with pytest.raises(Invalid, match="not_competent"):
        make("answer", text="Да", outcome="forgotten")


def test_an_unknown_verb_lists_those_there_are() -> None:
    with pytest.raises(Invalid, match="accept, start, answer, retry, confirm, close, return, transfer, reopen"):
        make("explode")
