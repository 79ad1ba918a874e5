"""What is done next about an action: the whole table, against rules written out the other way round."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.actions.attempt import Again, LookAgain, after_absence, after_attempt, after_look, pause
from services.ingest.actions.decision import MAY_BE_DONE, Begin, Look, Next, Settle, Situation, Tell, Wait, decide
from services.ingest.actions.entry import SETTLED, Entry, Known, State, new_entry, outcome_of, text_digest
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PageMoved,
    Refused,
    Unclear,
)
from shared.events import ActionKind
from tests.fixtures.acting import action, source

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KINDS: tuple[ActionKind, ...] = ("reply", "delete", "ban", "close_comments")
STATES: tuple[State | None, ...] = (None, "waiting", "begun", "done", "failed", "needs_person")
moments = st.integers(-5, 5).map(lambda minutes: NOW + timedelta(minutes=minutes))


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    ordered = action(NOW, kind=draw(st.sampled_from(KINDS)), not_after=draw(moments))
    entry: Entry | None = None
    state = draw(st.sampled_from(STATES))
    if state is not None:
        entry = new_entry(ordered, state=state, now=NOW)
        entry = Entry(**{**{f: getattr(entry, f) for f in entry.__struct_fields__}, "free_at": draw(moments)})
    owner = source(
        active=draw(st.booleans()), acting=draw(st.booleans()), daily_ceiling=draw(st.sampled_from([0, 1, 5, 200]))
    )
    return Situation(
        action=ordered,
        known=Known(entry=entry, cancelled=draw(st.booleans()), begun_today=draw(st.integers(0, 6))),
        source=draw(st.sampled_from([None, owner])),
        acts=draw(st.sampled_from([None, (), ("reply",), KINDS])),
        ahead=draw(st.integers(0, 2)),
        now=NOW,
    )


def may_begin(at: Situation) -> bool:
    """Everything that must hold, each in its own words."""
    entry, owner = at.known.entry, at.source
    return (
        (entry is None or (entry.state == "waiting" and entry.free_at is not None and entry.free_at <= at.now))
        and not at.known.cancelled
        and at.now < at.action.not_after
        and owner is not None
        and owner.active
        and owner.acting
        and at.acts is not None
        and at.action.kind in at.acts
        and at.known.begun_today + at.ahead < owner.daily_ceiling
    )


@given(situations())
def test_it_begins_exactly_when_everything_allows_it(at: Situation) -> None:
    assert isinstance(decide(at), Begin) == may_begin(at)


@given(situations())
def test_what_was_told_is_told_again_and_nothing_else(at: Situation) -> None:
    entry = at.known.entry
    assert isinstance(decide(at), Tell) == (entry is not None and entry.state in SETTLED)


@given(situations())
def test_what_was_begun_is_never_begun_again_nor_failed_without_a_look(at: Situation) -> None:
    entry, then = at.known.entry, decide(at)
    if entry is None or entry.state != "begun":
        assert not isinstance(then, Look)
        return
    if entry.free_at is not None and entry.free_at > at.now:
        assert then == Wait(until=entry.free_at)
    elif at.source is None or at.acts is None:
        assert then == Settle(result="needs_person", detail=MAY_BE_DONE)
    else:
        assert then == Look()


@given(situations())
def test_what_is_cancelled_or_too_late_fails_before_anything_goes_to_a_person(at: Situation) -> None:
    entry, then = at.known.entry, decide(at)
    if entry is not None and entry.state != "waiting":
        return
    if at.known.cancelled or at.now >= at.action.not_after:
        assert isinstance(then, Settle)
        assert then.result == "failed"
    elif not may_begin(at) and not isinstance(then, Wait):
        assert isinstance(then, Settle)
        assert then.result == "needs_person"
        assert "by hand" in then.detail


@given(situations())
def test_a_wait_always_ends_later_and_never_beyond_the_last_moment(at: Situation) -> None:
    then = decide(at)
    if isinstance(then, Wait):
        assert then.until > at.now
        assert at.known.entry is not None
        if at.known.entry.state == "waiting":
            assert then.until <= at.action.not_after


def at_rest(**changes: object) -> Situation:
    plain = {"action": action(NOW), "known": Known(), "source": source(), "acts": KINDS, "now": NOW}
    return Situation(**{**plain, **changes})  # type: ignore[arg-type]  # fields of the struct


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"acts": None, "source": None}, "Nothing can be done from here"),
        ({"source": None}, "no source"),
        ({"source": source(active=False)}, "paused"),
        ({"source": source(acting=False)}, "dry run"),
        ({"acts": ("delete",)}, "No credential"),
        ({"known": Known(begun_today=200)}, "200 actions in 24 hours"),
        ({"ahead": 200}, "200 actions in 24 hours"),
        ({"known": Known(cancelled=True)}, "cancelled"),
        ({"now": NOW + timedelta(days=7)}, "Too late: it was not to be done after 2026-05-08 12:00 UTC."),
    ],
)
def test_the_words_say_why(changes: dict[str, object], words: str) -> None:
    then: Next = decide(at_rest(**changes))
    assert isinstance(then, Settle)
    assert words in then.detail


def test_each_error_has_its_consequence() -> None:
    reply, deletion = action(NOW), action(NOW, kind="delete")
    assert after_attempt(reply, NotSent("6", retry_after=90.0), 1) == Again(seconds=90.0, detail="6")
    assert after_attempt(reply, NotSent("6", retry_after=0.5), 3) == Again(seconds=60.0, detail="6")
    assert after_attempt(reply, PageMoved("moved", group="-100"), 1) == Again(seconds=0, detail="moved", group="-100")
    assert isinstance(after_attempt(reply, Unclear("lost"), 1), LookAgain)
    assert isinstance(after_attempt(reply, ValueError("Имя Фамилия"), 1), LookAgain)
    for error in (BadCredential("5"), NotAllowed("15"), Refused("222")):
        then = after_attempt(reply, error, 1)
        assert isinstance(then, Settle)
        assert then.result == "needs_person"
        assert error.detail in then.detail
        assert "by hand" in then.detail
    gone = after_attempt(reply, Gone("104"), 1)
    assert isinstance(gone, Settle)
    assert gone.result == "failed"
    gone = after_attempt(deletion, Gone("104"), 1)
    assert isinstance(gone, Settle)
    assert gone.result == "done"


def test_where_one_cannot_look_a_person_must() -> None:
    reply = action(NOW)
    for error in (Unclear("no history"), BadCredential("5"), NotAllowed("15"), Refused("1"), RuntimeError("x")):
        assert after_look(reply, error, 1, late=False) == Settle(result="needs_person", detail=MAY_BE_DONE)
    assert isinstance(after_look(reply, NotSent("away"), 1, late=False), LookAgain)
    assert after_look(reply, NotSent("away"), 1, late=True) == Settle(result="needs_person", detail=MAY_BE_DONE)
    assert isinstance(after_look(reply, PageMoved("m", group="-1"), 1, late=False), LookAgain)


def test_the_words_of_an_unforeseen_error_go_nowhere() -> None:
    then = after_attempt(action(NOW), ValueError("Имя Фамилия"), 1)
    assert isinstance(then, LookAgain)
    assert "Имя" not in then.detail


def test_attempts_come_ever_less_often() -> None:
    waits = [pause(attempts) for attempts in range(1, 9)]
    assert waits == sorted(waits)
    assert waits[-1] == 600.0
    assert after_absence("", 1).seconds == 0.0
    assert after_absence("", 4).seconds == pause(4)


def test_a_digest_is_of_the_words() -> None:
    assert text_digest("Бригада  выехала,\nждите.") == text_digest(" Бригада выехала, ждите. ")
    assert text_digest("й") == text_digest("и\u0306")
    assert text_digest("да") != text_digest("нет")
    assert len(text_digest("\ud800")) == 16


def test_only_what_is_settled_has_an_outcome() -> None:
    with pytest.raises(ValueError, match="not settled"):
        outcome_of(new_entry(action(NOW), state="begun", now=NOW), "trace")
