"""What was live, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.life.pointer import (
    MAX_BEFORE,
    MAX_CHANGES,
    Change,
    LivePointer,
    Version,
    promoted,
    rolled_back,
    target_of_rollback,
)
from shared.errors import Conflict

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def promote(pointer: LivePointer, version: Version | None) -> LivePointer:
    change = Change(action="promote", version=version, instead=pointer.version, by="k1", at=NOW)
    return promoted(pointer, change)


def roll_back(pointer: LivePointer) -> LivePointer:
    version = target_of_rollback(pointer)
    return rolled_back(pointer, Change(action="rollback", version=version, instead=pointer.version, by="k1", at=NOW))


def test_rolling_back_goes_one_step_each_time_to_the_packaged_model_and_no_further() -> None:
    pointer = promote(promote(LivePointer(), "a"), "b")
    assert pointer.before == (None, "a")
    pointer = roll_back(pointer)
    assert pointer.version == "a"
    pointer = roll_back(pointer)
    assert (pointer.version, pointer.before) == (None, ())
    assert [change.version for change in pointer.changes] == ["a", "b", "a", None]
    with pytest.raises(Conflict, match="nothing was live before"):
        roll_back(pointer)


def test_promoting_what_is_live_changes_nothing() -> None:
    pointer = promote(LivePointer(), "a")
    assert promote(pointer, "a") is pointer
    assert promote(LivePointer(), None) == LivePointer()


@given(st.lists(st.sampled_from(["a", "b", "c", None, "back"]), max_size=200))
def test_it_never_grows_without_end_and_always_knows_what_it_was(steps: list[str | None]) -> None:
    pointer = LivePointer()
    for step in steps:
        before = pointer
        if step == "back":
            if not pointer.before:
                continue
            pointer = roll_back(pointer)
        else:
            pointer = promote(pointer, step)
        if pointer is not before:
            assert pointer.changes[-1].instead == before.version
            assert pointer.changes[-1].version == pointer.version
        assert len(pointer.before) <= MAX_BEFORE
        assert len(pointer.changes) <= MAX_CHANGES
        assert msgspec.json.decode(msgspec.json.encode(pointer), type=LivePointer) == pointer
