"""What every test may use; each fixture's own module says what it promises."""

from __future__ import annotations

pytest_plugins = [
    "tests.fixtures.broker",
    "tests.fixtures.databases",
    "tests.fixtures.keys",
    "tests.fixtures.quiet",
]
