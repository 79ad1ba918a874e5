from __future__ import annotations

from collections.abc import Callable

import pytest

from services.routing.domain.lease import LEASE_SECONDS
from services.routing.domain.task import (
    UNDECIDED,
    Task,
    WrongTaskAct,
    current,
    escalate_task,
    finish_task,
    lease_task,
    release_task,
    renew_task,
    skip_task,
    update_task,
    withdraw_task,
)
from shared.errors import Conflict
from tests.unit.routing.builders import START, moment, task


def leased(holder: str = "anna") -> Task:
    return lease_task(task(), holder=holder, role="moderator", now=START)


ACTS: list[Callable[..., Task]] = [renew_task, release_task, skip_task, escalate_task, finish_task]


@pytest.mark.parametrize(
    ("act", "state"), list(zip(ACTS, ["leased", "open", "skipped", "escalated", "decided"], strict=True))
)
def test_the_holder_acts(act: Callable[..., Task], state: str) -> None:
    before = leased()
    after = act(before, token=1, now=moment(1))
    assert after.state == state
    assert after.revision == before.revision + 1
    assert after.lease is not None
    assert after.lease.live(moment(1)) is (state == "leased")


@pytest.mark.parametrize("act", ACTS)
def test_a_stale_token_is_refused_with_the_reason(act: Callable[..., Task]) -> None:
    taken_over = lease_task(leased(), holder="boris", role="moderator", now=moment(LEASE_SECONDS / 60))
    with pytest.raises(Conflict) as refused:
        act(taken_over, token=1, now=moment(LEASE_SECONDS / 60))
    assert refused.value.extra["why"] == "stale_token"
    with pytest.raises(Conflict) as late:
        act(leased(), token=1, now=moment(LEASE_SECONDS / 60))
    assert late.value.extra["why"] == "expired"


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", ["decided", "withdrawn"])
def test_what_is_over_is_over(act: Callable[..., Task], state: str) -> None:
    over = task(state=state, lease=leased().lease)
    with pytest.raises(WrongTaskAct) as refused:
        act(over, token=1, now=START)
    assert refused.value.extra["state"] == state
    with pytest.raises(WrongTaskAct):
        lease_task(over, holder="boris", role="admin", now=moment(60))
    with pytest.raises(WrongTaskAct):
        withdraw_task(over, now=START)
    with pytest.raises(WrongTaskAct):
        update_task(over, version=2, reasons=("toxic",), now=START)


def test_two_people_never_hold_one_task() -> None:
    with pytest.raises(Conflict) as refused:
        lease_task(leased(), holder="boris", role="moderator", now=moment(1))
    assert refused.value.extra["why"] == "leased"


def test_an_escalated_task_waits_for_a_coordinator_and_stays_escalated() -> None:
    escalated = escalate_task(leased(), token=1, now=moment(1))
    with pytest.raises(WrongTaskAct):
        lease_task(escalated, holder="boris", role="moderator", now=moment(2))
    held = lease_task(escalated, holder="vera", role="coordinator", now=moment(2))
    assert held.state == "leased"
    for back in (release_task(held, token=2, now=moment(3)), skip_task(held, token=2, now=moment(3))):
        assert back.state == "escalated"
    with pytest.raises(WrongTaskAct):
        # Also once the coordinator's lease ran out: the state still says leased.
        lease_task(held, holder="boris", role="moderator", now=moment(3 * LEASE_SECONDS))


def test_a_skipped_task_can_be_taken_and_counts_its_skips() -> None:
    skipped = skip_task(leased(), token=1, now=moment(1))
    assert skipped.skips == 1
    assert lease_task(skipped, holder="boris", role="moderator", now=moment(1)).state == "leased"


def test_an_edit_takes_the_task_out_of_the_moderators_hands() -> None:
    edited = update_task(leased(), version=2, reasons=("toxic",), now=moment(1))
    assert (edited.version, edited.reasons, edited.state) == (2, ("toxic",), "open")
    with pytest.raises(Conflict) as refused:
        finish_task(edited, token=1, now=moment(1))
    assert refused.value.extra["why"] == "stale_token"


def test_a_withdrawn_task_keeps_out_its_holder() -> None:
    with pytest.raises(WrongTaskAct):
        finish_task(withdraw_task(leased(), now=moment(1)), token=1, now=moment(1))


def test_of_several_tasks_the_undecided_one_counts() -> None:
    old, new = task(id="a", version=1, state="decided"), task(id="b", version=2, state="withdrawn")
    waiting = task(id="c", version=1, state="skipped")
    assert current([]) is None
    assert current([old, new]) == new
    assert current([old, new, waiting]) == waiting
    assert current([task(id="d", version=1, state="withdrawn"), old]) == old
    assert {"decided", "withdrawn"}.isdisjoint(UNDECIDED)
