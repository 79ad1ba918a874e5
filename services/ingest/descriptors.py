"""Room for a connection to the platform for each of thousands of sources."""

from __future__ import annotations

import resource

import structlog

WANTED = 16_384
"""File descriptors: thousands of sources may have two connections each."""

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
