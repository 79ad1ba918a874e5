"""File descriptors: as many as thousands of sources need, where the system allows."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from services.ingest import descriptors
from services.ingest.descriptors import make_room


@pytest.fixture
def hard() -> Iterator[int]:
    """The hard limit; the soft one is small, and as it was afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_and_never_lowered(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "WANTED", 300)
    assert make_room() == 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, hard)
    monkeypatch.setattr(descriptors, "WANTED", 100)
    assert make_room() == 300


def test_the_hard_limit_is_respected(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if hard == resource.RLIM_INFINITY:
        pytest.skip("there is no hard limit here")
    monkeypatch.setattr(descriptors, "WANTED", hard + 1)
    assert make_room() == hard
