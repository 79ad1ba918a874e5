"""How long a consumer waits for what, and when it gives up on a message; injected, so that tests need not wait."""

from __future__ import annotations

import msgspec


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a consumer; times are in seconds."""

    fetch_seconds: float = 2.0
    """One fetch waits this long at most: longer ones stall across a restart of the broker."""
    alone_from: int = 3
    """From this delivery on a message is handled alone, so that a bad one takes no other with it."""
    max_failures: int = 5
    """Deliveries after which a message whose handling fails with an unforeseen error becomes a dead letter."""
    max_deliveries: int = 25
    """Deliveries after which a message is not even tried: it may be what kills the process."""
    pauses: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)
    """Between attempts while something is away; the last one repeats."""
    hold_seconds: float = 600.0
    """How long a batch is kept and tried again while something it needs is away. Then its messages are tried one by
    one; one that still cannot be handled is handed back after this time, multiplied by its deliveries, so that an
    outage of two days does not use up `max_deliveries`."""
    window: int = 500
    max_dead_share: float = 0.2
    """More dead letters than this share of the last `window` messages pause the consumer."""
    probe_seconds: float = 60.0
    """A paused consumer tries one message this often, and goes on when it is good."""

    def pause(self, attempt: int) -> float:
        """The wait after attempt number `attempt`, counted from 0."""
        return self.pauses[min(attempt, len(self.pauses) - 1)]
