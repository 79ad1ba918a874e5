"""What every test may use; each fixture's own module says what it promises."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures.broker",
    "tests.fixtures.databases",
    "tests.fixtures.keys",
    "tests.fixtures.quiet",
    "tests.fixtures.recordings_table",
]
WHOLE = tuple(Path(__file__).parent / name for name in ("chaos", "e2e"))
"""Tests of the whole system: the longest."""
MAX_NAME = 4_000
"""Characters."""

# A cold or busy machine takes seconds for a first example; that is no fault of what is tested.
settings.register_profile("otklik", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("otklik")

# A shell's background job ignores Ctrl-C, and so would every process that a test starts and stops with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process is left alone with one at the end.

    No test may have a name that is a novel: every process that it starts has it in its environment, which is bounded.
    """
    assert all(len(item.nodeid) < MAX_NAME for item in items), "a parametrized test needs short ids"
    items.sort(key=lambda item: not any(item.path.is_relative_to(folder) for folder in WHOLE))
