"""What the process is set to, so that it bears thousands of sources: open files, and how often garbage is sought."""

from __future__ import annotations

import gc
import resource

import structlog

WANTED = 16_384
"""File descriptors: thousands of sources may have two connections each."""
COLLECT = (10_000, 20, 50)
"""Thresholds of Python's collector. A full pass stops everything: a tenth of a second for the modules alone, several
tenths with two thousand waiting connections on a busy machine (docs/benchmarks.md). Almost all that is let go here goes
by itself, without the collector."""

log = structlog.get_logger(__name__)


def make_room() -> int:
    """Raises the soft limit of this process to WANTED, or as far as the hard one allows; returns what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return WANTED if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError) as error:
        log.warning("few file descriptors", limit=soft, error=type(error).__name__)
        return soft
    return most


def calm_collector() -> None:
    """Takes all that is there now, the modules, out of every later pass, and makes passes rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
