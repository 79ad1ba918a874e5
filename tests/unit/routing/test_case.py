from __future__ import annotations

from itertools import product
from typing import get_args

import msgspec
import pytest

from services.routing.domain.case import MAX_BOUNCES, Case, WrongTransition, act, apply
from services.routing.domain.case_change import (
    Accepted,
    Actor,
    Answered,
    AnsweredByHand,
    AnsweredOutside,
    CaseChange,
    Closed,
    Joined,
    Published,
    PublishFailed,
    Reopened,
    Restored,
    Retagged,
    Retried,
    Returned,
    Routed,
    Started,
    Submitted,
    Transferred,
    Voided,
    event_name,
)
from services.routing.domain.lease import take
from services.routing.domain.transition import OPEN_STATES, TABLE, State, allowed
from shared.errors import Conflict, Invalid
from tests.unit.routing.builders import case, moment, route_to

NOW = moment(60)
STAFF: tuple[Actor, ...] = ("agent", "coordinator", "admin")


def change(name: str, actor: Actor) -> CaseChange:
    """An event of that name."""
    made: dict[str, CaseChange] = {
        "routed": Routed(at=NOW, actor=actor, route=route_to("other-town")),
        "accepted": Accepted(at=NOW, actor=actor),
        "started": Started(at=NOW, actor=actor),
        "answered": Answered(at=NOW, actor=actor, text="Сделано", outcome="resolved"),
        "submitted": Submitted(at=NOW, actor=actor, text="Сделано", outcome="resolved", action="action-1"),
        "published": Published(at=NOW, actor=actor, action="action-1", link="https://vk.ru/1"),
        "publish_failed": PublishFailed(at=NOW, actor=actor, action="action-1", result="failed", reason="закрыто"),
        "retried": Retried(at=NOW, actor=actor, action="action-2"),
        "answered_by_hand": AnsweredByHand(at=NOW, actor=actor, where="https://vk.ru/1"),
        "closed": Closed(at=NOW, actor=actor),
        "returned": Returned(at=NOW, actor=actor, to="other-town", reason="не наша дорога"),
        "transferred": Transferred(at=NOW, actor=actor, to="other-town"),
        "reopened": Reopened(at=NOW, actor=actor),
        "retagged": Retagged(
            at=NOW, actor=actor, version=2, tag="question", topic="snow", urgent=True, opened_at=moment(-5)
        ),
        "voided": Voided(at=NOW, actor=actor),
        "restored": Restored(at=NOW, actor=actor),
        "answered_outside": AnsweredOutside(at=NOW, actor=actor, comment="vk:2", answered_at=moment(30)),
        "joined": Joined(at=NOW, actor=actor, comment="vk:3", urgent=True),
    }
    return made[name]


EXPECTED: dict[str, dict[str, str]] = {
    "routed": {
        "routed": "routed",
        "accepted": "accepted",
        "returned": "returned",
        "transferred": "transferred",
        "retagged": "routed",
        "joined": "routed",
        "voided": "void",
        "answered_outside": "answered",
        "published": "answered",
    },
    "accepted": {
        "started": "in_progress",
        "answered": "answered",
        "submitted": "publishing",
        "returned": "returned",
        "transferred": "transferred",
        "retagged": "accepted",
        "joined": "accepted",
        "voided": "void",
        "answered_outside": "answered",
        "published": "answered",
    },
    "in_progress": {
        "answered": "answered",
        "submitted": "publishing",
        "returned": "returned",
        "transferred": "transferred",
        "retagged": "in_progress",
        "joined": "in_progress",
        "voided": "void",
        "answered_outside": "answered",
        "published": "answered",
    },
    "publishing": {
        "submitted": "publishing",
        "published": "answered",
        "publish_failed": "publish_failed",
        "reopened": "routed",
        "retagged": "publishing",
        "joined": "publishing",
        "voided": "void",
        "answered_outside": "answered",
    },
    "publish_failed": {
        "submitted": "publishing",
        "published": "answered",
        "retried": "publishing",
        "answered_by_hand": "answered",
        "reopened": "routed",
        "retagged": "publish_failed",
        "joined": "publish_failed",
        "voided": "void",
        "answered_outside": "answered",
    },
    "answered": {
        "closed": "closed",
        "reopened": "routed",
        "routed": "answered",
        "retagged": "answered",
        "joined": "answered",
    },
    "closed": {"reopened": "routed", "retagged": "closed", "joined": "closed"},
    "returned": {"routed": "routed"},
    "transferred": {"routed": "routed"},
    "void": {
        "routed": "void",
        "restored": "routed",
        "retagged": "void",
        "joined": "void",
        "answered_outside": "answered",
        "published": "answered",
    },
}
"""Written out by state, where the table is written by event."""

BY_SYSTEM = {
    "routed", "retagged", "joined", "voided", "restored", "answered_outside", "published", "publish_failed",
}  # fmt: skip


def test_the_table_covers_every_state_and_every_event() -> None:
    assert {kind.__struct_config__.tag for kind in get_args(CaseChange)} == set(TABLE)
    assert set(EXPECTED) == set(get_args(State))


@pytest.mark.parametrize(("state", "name", "actor"), list(product(get_args(State), TABLE, get_args(Actor))))
def test_each_event_in_each_state_by_each_actor(state: State, name: str, actor: Actor) -> None:
    before = case(state=state)
    may = (actor == "system") == (name in BY_SYSTEM)
    after_state = EXPECTED[state].get(name)
    if may and after_state:
        after = apply(before, change(name, actor))
        assert after.state == after_state
        assert after.revision == before.revision + 1
        assert after.touched is (actor != "system")
        return
    with pytest.raises(WrongTransition) as refused:
        apply(before, change(name, actor))
    assert isinstance(refused.value, Conflict)
    verbs = refused.value.extra["allowed"]
    assert verbs == list(allowed(state, actor))
    assert refused.value.extra["state"] == state
    assert refused.value.detail.startswith(f"{TABLE[name].verb or name}: ")


def test_the_allowed_verbs_are_those_that_work() -> None:
    assert allowed("routed", "agent") == ("accept", "return", "transfer")
    assert allowed("answered", "admin") == ("close", "reopen")
    assert allowed("accepted", "agent") == ("start", "answer", "return", "transfer")
    assert allowed("publishing", "agent") == ("answer", "reopen")
    assert allowed("publish_failed", "agent") == ("answer", "retry", "confirm", "reopen")
    assert allowed("void", "agent") == ()
    assert allowed("routed", "system") == ()


def test_an_answer_is_kept_until_the_case_is_reopened() -> None:
    answered = apply(case(state="accepted"), change("answered", "agent"))
    assert (answered.answer, answered.outcome, answered.answered_at) == ("Сделано", "resolved", NOW)
    closed = apply(answered, change("closed", "agent"))
    assert closed.closed_at == NOW
    again = apply(closed, change("reopened", "coordinator"))
    assert (again.answer, again.outcome, again.answered_at, again.closed_at) == (None, None, None, None)
    assert (again.reopened_at, again.institution, again.touched) == (NOW, "town", True)
    assert again.opened_at == case().opened_at


def test_an_answer_on_its_way_counts_once_it_is_published() -> None:
    sent = apply(case(state="in_progress"), change("submitted", "agent"))
    assert (sent.answer, sent.outcome, sent.answered_at, sent.reply) == ("Сделано", "resolved", None, "action-1")
    there = apply(sent, change("published", "system"))
    assert (there.answer, there.answered_at) == ("Сделано", NOW)
    failed = apply(sent, change("publish_failed", "system"))
    assert (failed.answer, failed.answered_at, failed.reply) == ("Сделано", None, "action-1")
    again = apply(failed, change("retried", "agent"))
    assert (again.answer, again.reply) == ("Сделано", "action-2")
    by_hand = apply(failed, change("answered_by_hand", "agent"))
    assert (by_hand.answered_at, by_hand.touched) == (NOW, True)
    dropped = apply(failed, change("reopened", "agent"))
    assert (dropped.answer, dropped.reply) == (None, None)


def test_an_answer_taken_back_too_late_counts_if_it_stands_there() -> None:
    sent = apply(case(state="in_progress"), change("submitted", "agent"))
    taken_back = apply(sent, change("reopened", "agent"))
    assert (taken_back.state, taken_back.reply, taken_back.reopened_at) == ("routed", "action-1", NOW)
    at_it_again = apply(apply(taken_back, change("accepted", "agent")), change("started", "agent"))
    for before in (taken_back, at_it_again):
        there = apply(before, change("published", "system"))
        assert (there.state, there.answer, there.outcome, there.answered_at) == ("answered", "Сделано", "resolved", NOW)


def test_retagging_changes_what_the_comment_says_and_nothing_else() -> None:
    before = case(state="in_progress", touched=True)
    after = apply(before, change("retagged", "system"))
    assert (after.version, after.tag, after.topic, after.urgent) == (2, "question", "snow", True)
    assert after.opened_at == moment(-5)
    assert (after.institution, after.state, after.route) == (before.institution, "in_progress", before.route)


def test_an_urgent_follow_up_makes_the_case_urgent_and_a_calm_one_does_not_calm_it() -> None:
    urgent = apply(case(), change("joined", "system"))
    assert urgent.urgent
    assert apply(urgent, Joined(at=NOW, comment="vk:4")).urgent


@pytest.mark.parametrize("name", ["returned", "transferred"])
def test_a_hand_on_is_routed_again_in_the_same_step(name: str) -> None:
    before = case(state="accepted", lease=take(None, holder="anna", now=NOW))
    (first, between), (second, after) = act(before, change(name, "agent"), coordinator="region")
    assert (event_name(first), between.state) == (name, name)
    assert (event_name(second), after.state) == ("routed", "routed")
    assert (between.institution, after.institution) == ("town", "other-town")
    assert after.revision == before.revision + 2
    assert after.route.why.kind == "hand_on"
    assert after.lease is not None
    assert not after.lease.live(NOW), "the next institution must be able to take it at once"


def test_a_hand_on_to_oneself_is_refused() -> None:
    with pytest.raises(Invalid):
        act(case(), Returned(at=NOW, actor="agent", to="town", reason="не наше"), coordinator="region")


def handed_on(times: int, *, actor: Actor = "agent", start: Case | None = None) -> Case:
    """The case after so many hand-backs, each naming another institution."""
    now = start or case()
    for turn in range(times):
        event = Returned(at=NOW, actor=actor, to=f"town-{turn}", reason="не наше")
        now = act(now, event, coordinator="region")[-1][1]
    return now


def test_after_three_bounces_the_coordinator_gets_it() -> None:
    assert handed_on(MAX_BOUNCES - 1).institution == f"town-{MAX_BOUNCES - 2}"
    third = handed_on(MAX_BOUNCES)
    assert (third.institution, third.bounces, third.state) == ("region", MAX_BOUNCES, "routed")
    assert third.route.why.kind == "bounce_limit"
    assert third.route.why.ids == (f"town-{MAX_BOUNCES - 1}",)


def test_the_coordinator_itself_can_still_pass_it_on() -> None:
    settled = act(handed_on(MAX_BOUNCES), Transferred(at=NOW, actor="coordinator", to="town-9"), coordinator="region")[
        -1
    ][1]
    assert (settled.institution, settled.bounces) == ("town-9", MAX_BOUNCES)
    back = handed_on(1, start=settled)
    assert back.institution == "region"


def test_a_coordinators_transfer_is_no_bounce_but_an_agents_is() -> None:
    for actor, bounces in (("coordinator", 0), ("admin", 0), ("agent", 1)):
        event = msgspec.structs.replace(change("transferred", "agent"), actor=actor)
        assert act(case(), event, coordinator="region")[-1][1].bounces == bounces


def test_every_other_event_is_a_step_of_its_own() -> None:
    steps = act(case(), change("accepted", "agent"), coordinator="region")
    assert [after.state for _, after in steps] == ["accepted"]


def test_events_survive_the_log() -> None:
    for name in TABLE:
        event = change(name, "system")
        assert msgspec.json.decode(msgspec.json.encode(event), type=CaseChange) == event


def test_open_states_are_those_in_which_somebody_must_act() -> None:
    assert {"answered", "closed", "void"} == set(get_args(State)) - OPEN_STATES
