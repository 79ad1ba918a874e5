"""Prints what recorded payloads became at the end of the test report."""

from __future__ import annotations

import pytest

Row = tuple[str, str, str]
"""Platform, file, what it became."""
TABLE = pytest.StashKey[list[Row]]()


@pytest.fixture
def table(pytestconfig: pytest.Config) -> list[Row]:
    """The rows so far; a test adds its own."""
    return pytestconfig.stash.setdefault(TABLE, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, sorted, where there is one."""
    rows = sorted(config.stash.get(TABLE, []))
    if not rows:
        return
    terminalreporter.section(f"recorded payloads: {len({row[:2] for row in rows})} files")
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for platform, file, became in rows:
        terminalreporter.write_line(f"{platform:<{widths[0]}}  {file:<{widths[1]}}  {became}")
