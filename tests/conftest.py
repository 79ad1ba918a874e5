"""What every test may use; each fixture's own module says what it promises."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures.broker",
    "tests.fixtures.databases",
    "tests.fixtures.keys",
    "tests.fixtures.quiet",
]

# A cold or busy machine takes seconds for a first example; that is no fault of what is tested.
settings.register_profile("otklik", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("otklik")
