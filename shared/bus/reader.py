"""Readers that leave no trace: consumers that the broker need not remember once their subscription is over."""

from __future__ import annotations

import contextlib

import nats.errors
from nats.js import JetStreamContext

SILENT_SECONDS = 30.0
"""After this time without a fetch the broker forgets such a reader by itself."""


async def forget(jetstream: JetStreamContext, stream: str, subscription: JetStreamContext.PullSubscription) -> None:
    """Ends a reader of `stream` at once; raises nothing where the broker does not answer."""
    with contextlib.suppress(nats.errors.Error, OSError):
        await subscription.unsubscribe()
    with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
        await jetstream.delete_consumer(stream, (await subscription.consumer_info()).name)
