from __future__ import annotations

from typing import Any

import pytest

from services.routing.domain.comment import Correction
from services.routing.domain.decision import GROUNDS, MAX_GROUND, Decision, correction_of, decide, settle
from services.routing.domain.task import Task, lease_task
from shared.errors import Conflict, Invalid
from tests.unit.routing.builders import START, moment, task


def decided(**changes: Any) -> tuple[Task, Decision]:
    held = lease_task(task(), holder="anna", role="moderator", now=START)
    said: dict[str, Any] = {"token": 1, "id": "d-1", "kind": "keep", "ground": "вежливая критика"}
    return decide(held, decided_by="anna", now=moment(1), **{**said, **changes})


def test_a_decision_ends_the_task_and_says_who_and_why() -> None:
    done, decision = decided()
    assert (done.state, done.decided_at) == ("decided", moment(1))
    assert (decision.state, decision.ground, decision.decided_by) == ("enacted", "вежливая критика", "anna")
    assert (decision.task_id, decision.comment_id, decision.version) == (done.id, done.comment_id, done.version)


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_deletion_is_proposed_on_one_of_the_grounds(ground: str) -> None:
    _, decision = decided(kind="delete", ground=ground)
    assert (decision.state, decision.settled_at) == ("proposed", None)


@pytest.mark.parametrize("ground", ["", "criticism", "не нравится"])
def test_nothing_else_is_a_ground_to_delete(ground: str) -> None:
    with pytest.raises(Invalid) as refused:
        decided(kind="delete", ground=ground)
    assert refused.value.extra["allowed"] == list(GROUNDS)


@pytest.mark.parametrize("kind", ["keep", "relabel", "case"])
def test_everything_else_says_why_in_so_many_characters(kind: str) -> None:
    tag = "spam" if kind == "relabel" else None
    assert decided(kind=kind, ground="я" * MAX_GROUND, tag=tag)
    for ground in ("", "  ", "я" * (MAX_GROUND + 1)):
        with pytest.raises(Invalid) as refused:
            decided(kind=kind, ground=ground, tag=tag)
        assert refused.value.extra["field"] == "ground"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "burn"}, "kind"),
        ({"kind": "relabel"}, "tag"),
        ({"kind": "relabel", "tag": "praise"}, "tag"),
        ({"kind": "relabel", "topic": "dragons"}, "topic"),
        ({"kind": "keep", "tag": "spam"}, "tag"),
        ({"kind": "keep", "topic": "snow"}, "topic"),
        ({"kind": "case", "tag": "complaint"}, "tag"),
        ({"kind": "delete", "ground": "insult", "topic": "snow"}, "topic"),
    ],
)
def test_wrong_labels_are_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        decided(**changes)
    assert refused.value.extra["field"] == field


def test_a_stale_token_decides_nothing() -> None:
    with pytest.raises(Conflict):
        decided(token=7)


def test_what_a_decision_corrects() -> None:
    assert correction_of(decided(kind="relabel", tag="question", topic="snow")[1]) == Correction(
        tag="question", topic="snow"
    )
    assert correction_of(decided(kind="case", topic="snow")[1]) == Correction(topic="snow", case=True)
    assert correction_of(decided()[1]) is None


def test_a_deletion_is_settled_by_its_outcome_once() -> None:
    _, proposed = decided(kind="delete", ground="insult")
    failed = settle(proposed, enacted=False, now=moment(2), detail="нет прав")
    assert (failed.state, failed.detail) == ("failed", "нет прав")
    assert settle(failed, enacted=False, now=moment(3)) == failed
    enacted = settle(failed, enacted=True, now=moment(4))
    assert (enacted.state, enacted.settled_at) == ("enacted", moment(4))
    assert settle(enacted, enacted=False, now=moment(5)) == enacted
