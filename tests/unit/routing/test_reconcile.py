from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.case import Case, apply, open_case
from services.routing.domain.case_change import (
    Accepted,
    Answered,
    AnsweredOutside,
    Closed,
    Reopened,
    Restored,
    Retagged,
    Routed,
    Started,
    Voided,
)
from services.routing.domain.comment import Version, fold
from services.routing.domain.reconcile import (
    CaseRef,
    ChangeCase,
    JoinCase,
    OfficialAnswer,
    OpenCase,
    OpenTask,
    Revisit,
    Thread,
    UpdateTask,
    WithdrawTask,
    needs_route,
    reconcile,
)
from services.routing.domain.task import Task, current, finish_task, lease_task, update_task, withdraw_task
from services.routing.domain.transition import OPEN_STATES
from shared.events import Flags
from tests.unit.routing.builders import case, moment, route_to, version
from tests.unit.routing.histories import histories

NOW = moment(100)


class Desk:
    """What a store does with the effects, in memory: one comment, its case and its tasks."""

    def __init__(self) -> None:
        self.versions: dict[int, Version] = {}
        self.case: Case | None = None
        self.tasks: list[Task] = []
        self.thread = Thread()

    def deliver(self, *versions: Version) -> list[Any]:
        """All effects that these versions had, one after the other."""
        effects: list[Any] = []
        for one in versions:
            self.versions.setdefault(one.version, one)
            effects += self.settle()
        return effects

    def settle(self) -> list[Any]:
        standing = fold(self.versions.values())
        if standing is None:
            return []
        wanted = needs_route(standing, self.case, self.thread)
        route = None
        if wanted is not None:
            assert wanted.content is not None
            route = route_to(f"for-{wanted.content.right_topic}", "town")
        effects = reconcile(standing, self.case, current(self.tasks), route, now=NOW, thread=self.thread)
        for effect in effects:
            self.carry_out(effect)
        return effects

    def carry_out(self, effect: Any) -> None:
        task = current(self.tasks)
        match effect:
            case OpenCase():
                assert self.case is None
                self.case = open_case(
                    id="case-1",
                    comment_id="vk:1",
                    version=effect.version,
                    tag=effect.tag,
                    topic=effect.topic,
                    urgent=effect.urgent,
                    opened_at=effect.opened_at,
                    event=Routed(at=NOW, route=effect.route),
                )
            case ChangeCase():
                assert self.case is not None
                self.case = apply(self.case, effect.change)
            case OpenTask():
                self.tasks.append(
                    Task(
                        id=f"task-{len(self.tasks)}",
                        comment_id="vk:1",
                        version=effect.version,
                        reasons=effect.reasons,
                        opened_at=NOW,
                    )
                )
            case UpdateTask():
                assert task is not None
                self.replace(task, update_task(task, version=effect.version, reasons=effect.reasons, now=NOW))
            case WithdrawTask():
                assert task is not None
                self.replace(task, withdraw_task(task, now=NOW))

    def replace(self, before: Task, after: Task) -> None:
        self.tasks[self.tasks.index(before)] = after

    def act(self, *events: Any) -> None:
        for event in events:
            assert self.case is not None
            self.case = apply(self.case, event)

    def decide(self) -> None:
        task = current(self.tasks)
        assert task is not None
        held = lease_task(task, holder="anna", role="moderator", now=NOW)
        assert held.lease is not None
        self.replace(task, finish_task(held, token=held.lease.token, now=NOW))

    def seen(self) -> dict[str, Any]:
        """What must not depend on order: all but ids, revisions and tokens."""
        case_now = self.case
        waiting = [task for task in self.tasks if task.undecided]
        assert len(waiting) <= 1
        return {
            "comment": fold(self.versions.values()),
            "case": case_now and msgspec.structs.replace(case_now, revision=0, lease=None),
            "task": [(task.version, task.reasons, task.state) for task in waiting],
        }


def desk(*versions: Version) -> Desk:
    found = Desk()
    found.deliver(*versions)
    return found


@given(histories(), st.data())
def test_any_order_and_repetition_ends_alike(history: list[Version], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(history), max_size=5))
    shuffled = data.draw(st.permutations(history + again))
    answer = data.draw(st.sampled_from([None, OfficialAnswer(comment="vk:2", received_at=moment(20))]))
    straight, crooked = Desk(), Desk()
    straight.thread = Thread(answer=answer)
    straight.deliver(*sorted(history, key=lambda one: one.version))
    told = data.draw(st.integers(0, len(shuffled)))
    crooked.deliver(*shuffled[:told])
    crooked.thread = straight.thread
    crooked.deliver(*shuffled[told:])
    crooked.settle()
    assert crooked.seen() == straight.seen()


@given(histories())
def test_what_is_settled_stays_settled(history: list[Version]) -> None:
    settled = desk(*history)
    assert settled.settle() == []


@given(histories(), st.integers(0, 7), st.sampled_from(["accepted", "in_progress", "answered", "closed"]))
def test_no_edit_moves_or_closes_what_a_person_touched(history: list[Version], when: int, state: str) -> None:
    found = desk(*history[:when])
    if found.case is None or found.case.state != "routed":
        return
    steps = [
        Accepted(at=NOW, actor="agent"),
        Started(at=NOW, actor="agent"),
        Answered(at=NOW, actor="agent", text="Да", outcome="explained"),
        Closed(at=NOW, actor="agent"),
    ]
    found.act(*steps[: ["accepted", "in_progress", "answered", "closed"].index(state) + 1])
    institution = found.case.institution
    rest = [one for one in history[when:] if one.kind in ("created", "edited")]
    found.deliver(*rest)
    assert found.case is not None
    assert (found.case.institution, found.case.touched) == (institution, True)
    alive = fold(found.versions.values()).alive  # type: ignore[union-attr]  # there is at least the case's version
    if alive:
        assert found.case.state == state


def kinds(effects: Iterable[Any]) -> list[type]:
    return [type(effect.change) if isinstance(effect, ChangeCase) else type(effect) for effect in effects]


def test_a_question_opens_a_case_with_its_route() -> None:
    found = Desk()
    (opened,) = found.deliver(version(1, tag="question", topic="snow", flags=Flags(urgent=True)))
    assert isinstance(opened, OpenCase)
    assert (opened.tag, opened.topic, opened.urgent, opened.opened_at) == ("question", "snow", True, moment(1))
    assert opened.route.institution == "for-snow"


def test_a_route_that_is_needed_must_be_given() -> None:
    standing = fold([version(1)])
    assert standing is not None
    with pytest.raises(ValueError, match="needs_route"):
        reconcile(standing, None, None, None, now=NOW)


def test_an_edit_moves_an_untouched_case_with_its_topic() -> None:
    found = desk(version(1))
    assert kinds(found.deliver(version(2, "edited", topic="snow"))) == [Retagged, Routed]
    assert found.case is not None
    assert (found.case.institution, found.case.topic, found.case.version) == ("for-snow", "snow", 2)


def test_an_edit_of_a_touched_case_changes_the_topic_alone() -> None:
    found = desk(version(1))
    found.act(Accepted(at=NOW, actor="agent"))
    assert kinds(found.deliver(version(2, "edited", topic="snow"))) == [Retagged]
    assert found.case is not None
    assert (found.case.institution, found.case.topic) == ("for-roads", "snow")


def test_a_late_earlier_version_moves_the_opening_back_and_nothing_else() -> None:
    found = desk(version(2, "edited", topic="snow", minute=9))
    (change,) = found.deliver(version(1, minute=3))
    assert isinstance(change.change, Retagged)
    assert found.case is not None
    assert (found.case.opened_at, found.case.topic, found.case.institution) == (moment(3), "snow", "for-snow")


def test_a_tombstone_first_leaves_a_void_trace() -> None:
    found = desk(version(2, "deleted"))
    assert found.case is None
    assert kinds(found.deliver(version(1, unsure=True))) == [OpenCase, Voided]
    assert found.tasks == []


def test_deletion_voids_and_restoration_brings_back() -> None:
    found = desk(version(1, tag="question", unsure=True))
    assert kinds(found.deliver(version(2, "deleted"))) == [Voided, WithdrawTask]
    assert kinds(found.deliver(version(3, "restored"))) == [Restored, OpenTask]
    assert found.case is not None
    assert found.case.state == "routed"


@pytest.mark.parametrize("state", ["answered", "closed"])
def test_deletion_leaves_an_answered_case(state: str) -> None:
    found = desk(version(1))
    found.case = case(state=state, opened_at=moment(1))
    assert found.deliver(version(2, "deleted")) == []


def test_a_living_follow_up_keeps_the_case_of_a_deleted_comment() -> None:
    found = desk(version(1))
    found.thread = Thread(followed=True)
    assert found.deliver(version(2, "deleted")) == []
    found.thread = Thread()
    assert kinds(found.settle()) == [Voided]


def test_an_official_answer_answers_the_open_case_once() -> None:
    found = desk(version(1))
    found.thread = Thread(answer=OfficialAnswer(comment="vk:2", received_at=moment(7)))
    (effect,) = found.settle()
    assert effect.change == AnsweredOutside(at=NOW, comment="vk:2", answered_at=moment(7))
    assert found.settle() == []
    found.act(Reopened(at=moment(50), actor="agent"))
    assert found.settle() == [], "the answer that did not settle it must not close it again"
    found.thread = Thread(answer=OfficialAnswer(comment="vk:3", received_at=moment(60)))
    assert kinds(found.settle()) == [AnsweredOutside]


def test_what_the_page_writes_makes_neither_case_nor_task_and_calls_for_its_parent() -> None:
    found = Desk()
    effects = found.deliver(
        version(1, author_kind="page", parent="vk:9", unsure=True, flags=Flags(urgent=True, personal_data=True))
    )
    assert effects == [Revisit(comment="vk:9")]


def test_a_follow_up_joins_the_open_case_instead_of_opening_one() -> None:
    first = CaseRef(case="case-0", comment="vk:0")
    found = Desk()
    found.thread = Thread(open_case=first)
    assert found.deliver(version(1, flags=Flags(urgent=True))) == [JoinCase(to=first, urgent=True)]
    found.thread = Thread(joined=first)
    assert found.deliver(version(2, "edited")) == [Revisit(comment="vk:0")]
    assert found.case is None


def test_thanks_join_nothing() -> None:
    found = Desk()
    found.thread = Thread(open_case=CaseRef(case="case-0", comment="vk:0"))
    assert found.deliver(version(1, tag="other")) == []


def test_an_urgent_follow_up_makes_the_first_case_urgent() -> None:
    found = desk(version(1))
    found.thread = Thread(urgent=True)
    assert kinds(found.settle()) == [Retagged]
    assert found.case is not None
    assert found.case.urgent
    assert found.case.state in OPEN_STATES


def test_a_decided_version_asks_for_no_other_look_but_a_new_one_does() -> None:
    found = desk(version(1, tag="spam"))
    found.decide()
    assert found.settle() == []
    assert kinds(found.deliver(version(2, "deleted"), version(3, "restored"))) == []
    assert found.deliver(version(4, "edited", tag="spam")) == [OpenTask(version=4, reasons=("spam",))]


def test_an_edit_turns_the_waiting_task_or_withdraws_it() -> None:
    found = desk(version(1, tag="spam"))
    assert found.deliver(version(2, "edited", tag="other", unsure=True)) == [UpdateTask(version=2, reasons=("unsure",))]
    assert found.deliver(version(3, "edited", tag="other")) == [WithdrawTask()]
