"""A message as a handler gets it, and what a handler is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from nats.aio.msg import Msg

from shared.errors import Poison
from shared.events import CommentCreated, CommentDeleted, CommentEdited, CommentRestored, Event, Tagged, decode

FIRST_SEQUENCE = "Otklik-First-Sequence"
"""Header of a replayed message: the place it had in its stream when it first came."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """One message as a handler gets it.

    `sequence` is its place in its stream; a replayed dead letter keeps the place it had at first, so that replaying an
    old version of a comment does not make it the newest one. `deliveries` counts from 1.
    """

    event: Event
    subject: str
    sequence: int
    deliveries: int
    stored_at: datetime

    def began(self) -> datetime:
        """When ingest took in the comment that this is about; for other events, when the broker stored it."""
        match self.event:
            case Tagged(comment=comment):
                return comment.received_at
            case CommentCreated() | CommentEdited() | CommentDeleted() | CommentRestored():
                return self.event.received_at
        return self.stored_at


Later = asyncio.Future[Poison | None]
"""A handler's promise to finish one message after its batch: None for done, a Poison for what can never be handled,
Transient as its exception to hand the message back.

Until then the message is kept alive and the consumer goes on with other batches; it hands the message back when it is
told to stop and the promise is not kept within a few seconds, and then cancels the promise, which nobody else may.
Whoever promises bounds how many promises are open.
"""

Handler = Callable[[Sequence[Delivered]], Awaitable[Mapping[int, Poison | Later] | None]]
"""Handles a batch. Returning means done; a mapping names by index what can never be handled, or is done later.

Raise Transient (or Unavailable) when something is away: the same batch comes again until it works. Raise Fatal to stop
the process. Any other error is taken for the fault of a message: the batch is tried one by one.
"""


def first_sequence(message: Msg) -> int:
    """The place the message has in its stream, or had when it first came."""
    place = int(message.metadata.sequence.stream)
    said = (message.headers or {}).get(FIRST_SEQUENCE, "")
    if said.isascii() and said.isdigit() and len(said) < 20 and 0 < int(said) < place:
        return int(said)
    return place


def open_message(message: Msg) -> Delivered:
    """What is in the message; raises Poison as `shared.events.decode` does."""
    place = message.metadata
    return Delivered(
        event=decode(message.subject, message.data),
        subject=message.subject,
        sequence=first_sequence(message),
        deliveries=place.num_delivered,
        stored_at=place.timestamp,
    )
