"""Group commit: nothing acknowledged is lost, nothing is stored twice, nobody waits for ever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest import intake as intake_module
from services.ingest.intake import MAX_BATCH, MAX_WAITING, MAX_WAITING_BYTES, Counts, Intake
from services.ingest.submission import Entry, Submission, to_entry
from shared.errors import Unavailable
from shared.events import CommentCreated, CommentEdited
from tests.unit.ingest.memory import Rig, running


def entry(comment: str = "1", text: str = "Вода?", event: str = "created") -> Entry:
    made = to_entry(
        Submission(platform="http", page="http:demo", id=comment, event=event, text=text),  # type: ignore[arg-type]  # a plain word serves
        author_key=b"a key of the tests",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        trace="t",
    )
    assert isinstance(made, Entry)
    return made


def texts(rig: Rig) -> list[str]:
    return [event.text for event in rig.stream.events if isinstance(event, CommentCreated | CommentEdited)]


async def test_what_is_new_is_stored_and_what_repeats_is_counted() -> None:
    async with running() as rig:
        assert await rig.intake.submit([entry("1"), entry("2"), entry("1")]) == Counts(accepted=2, duplicates=1)
        assert await rig.intake.submit([entry("1"), entry("3")]) == Counts(accepted=1, duplicates=1)
        assert [event.id for event in rig.stream.events] == ["http:demo:1", "http:demo:2", "http:demo:3"]
        assert set(rig.heads.known) == {"http:demo:1", "http:demo:2", "http:demo:3"}


async def test_a_comment_is_not_created_twice_even_with_other_words() -> None:
    async with running() as rig:
        await rig.intake.submit([entry(text="а")])
        assert await rig.intake.submit([entry(text="б")]) == Counts(duplicates=1)
        assert texts(rig) == ["а"]


@pytest.mark.parametrize("together", [True, False])
async def test_edits_back_and_forth_all_arrive(together: bool) -> None:
    async with running() as rig:
        history = [entry(text="A"), *(entry(text=text, event="edited") for text in "BABA")]
        for group in [history] if together else [[each] for each in history]:
            counts = await rig.intake.submit(group)
            assert counts == Counts(accepted=len(group))
        assert texts(rig) == list("ABABA")
        assert await rig.intake.submit([history[-1]]) == Counts(duplicates=1)


async def test_a_whole_life_arrives() -> None:
    async with running() as rig:
        life = [entry(event=kind) for kind in ("created", "edited", "deleted", "restored", "deleted")]
        assert await rig.intake.submit([*life, life[-1]]) == Counts(accepted=5, duplicates=1)


async def test_without_the_broker_nothing_is_acknowledged_and_a_retry_succeeds() -> None:
    async with running() as rig:
        rig.stream.away = True
        with pytest.raises(Unavailable, match="away"):
            await rig.intake.submit([entry()])
        assert rig.heads.known == {}
        rig.stream.away = False
        assert await rig.intake.submit([entry()]) == Counts(accepted=1)


async def test_a_lost_acknowledgement_stores_nothing_twice() -> None:
    async with running() as rig:
        rig.stream.lose_next_acknowledgement = True
        with pytest.raises(Unavailable):
            await rig.intake.submit([entry("1"), entry("2")])
        assert await rig.intake.submit([entry("1"), entry("2"), entry("3")]) == Counts(accepted=1, duplicates=2)
        assert len(rig.stream.events) == 3


async def test_a_failure_between_publishing_and_remembering_stores_nothing_twice() -> None:
    async with running() as rig:
        await rig.intake.submit([entry(text="A")])
        edits = [entry(text=text, event="edited") for text in "BAB"]
        rig.heads.fail_next_record = True
        with pytest.raises(Unavailable, match="disk full"):
            await rig.intake.submit(edits)
        assert await rig.intake.submit(edits) == Counts(duplicates=3)
        assert await rig.intake.submit([entry(text="A", event="edited")]) == Counts(accepted=1)
        assert texts(rig) == list("ABABA")


async def test_the_next_batch_sees_what_the_last_has_not_recorded_yet() -> None:
    async with running() as rig:
        rig.heads.gate.clear()
        first = await rig.intake.put([entry(text="A")])
        while not rig.stream.events:
            await asyncio.sleep(0)
        second = await rig.intake.put([entry(text="A"), entry(text="B", event="edited")])
        while len(rig.stream.events) < 2:
            await asyncio.sleep(0)
        assert not first.counts.done()
        rig.heads.gate.set()
        assert await rig.intake.committed(first) == Counts(accepted=1)
        assert await rig.intake.committed(second) == Counts(accepted=1, duplicates=1)
        # The chain went on from the unrecorded head.
        assert await rig.intake.submit([entry(text="A", event="edited")]) == Counts(accepted=1)
        assert texts(rig) == list("ABA")


async def test_a_fault_fails_its_own_batch_alone() -> None:
    async with running() as rig:
        rig.heads.fault = ValueError("a fault of ours")
        with pytest.raises(RuntimeError, match="storing failed"):
            await rig.intake.submit([entry()])
        rig.heads.fault = None
        assert await rig.intake.submit([entry()]) == Counts(accepted=1)


async def test_groups_that_wait_are_committed_together_up_to_the_limit() -> None:
    async with running() as rig:
        rig.stream.gate.clear()
        groups = [[entry(f"{number}-{place}") for place in range(400)] for number in range(5)]
        tickets = [await rig.intake.put(group) for group in groups]
        rig.stream.gate.set()
        for ticket in tickets:
            assert await rig.intake.committed(ticket) == Counts(accepted=400)
        assert sum(rig.stream.batches) == 2_000
        assert max(rig.stream.batches) <= MAX_BATCH
        assert len(rig.stream.batches) < len(groups)


async def test_the_queue_has_a_bound_and_waiting_for_room_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "ROOM_SECONDS", 0.01)
    intake = Intake()
    group = [entry(str(number)) for number in range(MAX_BATCH)]
    for _ in range(MAX_WAITING // MAX_BATCH):
        await intake.put(group)
    with pytest.raises(Unavailable, match="too many comments are waiting"):
        await intake.put([entry()])
    await intake.take()
    assert await intake.put([entry()])


async def test_the_queue_is_bounded_in_bytes_and_still_takes_any_single_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "ROOM_SECONDS", 0.01)
    intake = Intake()
    heavy = Entry(event=entry().event, digest=b"", weight=MAX_WAITING_BYTES + 1)
    await intake.put([heavy])
    with pytest.raises(Unavailable):
        await intake.put([entry()])


async def test_waiting_for_a_commit_has_an_end_and_the_commit_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "COMMIT_SECONDS", 0.01)
    async with running() as rig:
        rig.stream.gate.clear()
        ticket = await rig.intake.put([entry()])
        with pytest.raises(Unavailable, match="took too long"):
            await rig.intake.committed(ticket)
        rig.stream.gate.set()
        assert await ticket.counts == Counts(accepted=1)


async def test_what_waits_is_committed_before_the_end_and_nothing_after_it() -> None:
    async with running() as rig:
        rig.stream.gate.clear()
        tickets = [await rig.intake.put([entry(str(number))]) for number in range(3)]
        rig.stop.set()
        rig.stream.gate.set()
        for ticket in tickets:
            assert await rig.intake.committed(ticket) == Counts(accepted=1)
    with pytest.raises(Unavailable, match="stopping"):
        await rig.intake.submit([entry("9")])


async def test_whoever_waits_for_room_at_the_end_is_refused() -> None:
    intake = Intake()
    for _ in range(MAX_WAITING // MAX_BATCH):
        await intake.put([entry()] * MAX_BATCH)
    late = asyncio.create_task(intake.put([entry()]))
    await asyncio.sleep(0)
    await intake.close()
    with pytest.raises(Unavailable, match="stopping"):
        await late


async def test_a_client_that_leaves_takes_nothing_with_it() -> None:
    async with running() as rig:
        rig.stream.gate.clear()
        leaver = asyncio.create_task(rig.intake.submit([entry("1")]))
        stayer = asyncio.create_task(rig.intake.submit([entry("2")]))
        await asyncio.sleep(0)
        leaver.cancel()
        rig.stream.gate.set()
        assert await stayer == Counts(accepted=1)
        with pytest.raises(asyncio.CancelledError):
            await leaver


_OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["ok", "ok", "away", "lost", "unrecorded"]),
        st.lists(
            st.tuples(st.sampled_from("12"), st.sampled_from(["created", "edited", "deleted"]), st.sampled_from("ab")),
            min_size=1,
            max_size=4,
        ),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(_OPERATIONS)
def test_under_any_failures_a_persistent_client_stores_each_history_once(
    operations: list[tuple[str, list[tuple[str, str, str]]]],
) -> None:
    """What lands in the stream is what would have landed there without any failure."""

    async def run(failures: bool) -> list[tuple[str, str, str]]:
        async with running() as rig:
            for failure, group in operations:
                entries = [entry(comment, text, kind) for comment, kind, text in group]
                if failures:
                    rig.stream.away = failure == "away"
                    rig.stream.lose_next_acknowledgement = failure == "lost"
                    rig.heads.fail_next_record = failure == "unrecorded"
                try:
                    await rig.intake.submit(entries)
                except Unavailable:
                    rig.stream.away = False
                    await rig.intake.submit(entries)
                rig.stream.lose_next_acknowledgement = rig.heads.fail_next_record = False
            return [(type(each).__name__, each.id, getattr(each, "text", "")) for each in rig.stream.events]

    assert asyncio.run(run(failures=True)) == asyncio.run(run(failures=False))
