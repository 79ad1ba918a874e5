"""What every test may use; each fixture's own module says what it promises."""

from __future__ import annotations

import signal

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

# A shell's background job ignores Ctrl-C, and so would every process that a test starts and stops with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
