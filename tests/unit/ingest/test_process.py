"""What the process is set to: open files and the collector."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator

import pytest

from services.ingest import process
from services.ingest.process import COLLECT, calm_collector, make_room


@pytest.fixture
def hard() -> Iterator[int]:
    """The hard limit; the soft one is small, and as it was afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_and_never_lowered(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "WANTED", 300)
    assert make_room() == 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, hard)
    monkeypatch.setattr(process, "WANTED", 100)
    assert make_room() == 300


def test_the_hard_limit_is_respected(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if hard == resource.RLIM_INFINITY:
        pytest.skip("there is no hard limit here")
    monkeypatch.setattr(process, "WANTED", hard + 1)
    assert make_room() == hard


def test_a_full_pass_of_the_collector_is_rare_and_leaves_the_modules_out() -> None:
    before = gc.get_threshold()
    try:
        calm_collector()
        assert gc.get_threshold() == COLLECT
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
