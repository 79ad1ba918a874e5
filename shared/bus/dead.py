"""Dead letters: listed, shown, replayed where they came from, or dropped; each by its number in DEAD."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import nats.errors
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from shared.bus.connection import Bus
from shared.bus.delivery import FIRST_SEQUENCE
from shared.errors import Conflict, NotFound, Poison, Unavailable
from shared.events import DeadLetter, decode

UNREADABLE = "unreadable"
"""Reason given to what is in DEAD and is no letter."""


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter with its number in DEAD, by which it is named."""

    number: int
    letter: DeadLetter


async def letters(bus: Bus, *, service: str | None = None, reason: str | None = None) -> AsyncIterator[Numbered]:
    """Every dead letter, oldest first, of one service or reason if named."""
    jetstream = bus.jetstream
    try:
        state = (await jetstream.stream_info("DEAD")).state
        number = state.first_seq
        while number <= state.last_seq:
            try:
                raw = await jetstream.get_msg("DEAD", seq=number, next=True, subject="dead.*.*")
            except NotFoundError:
                return
            number = int(raw.seq or number) + 1
            letter = _read(raw)
            if (service is None or letter.service == service) and (reason is None or letter.reason == reason):
                yield Numbered(number=number - 1, letter=letter)
    except (nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"the message broker did not answer: {type(error).__name__}") from error


async def letter(bus: Bus, number: int) -> DeadLetter:
    """The dead letter of that number; raises NotFound when there is none."""
    try:
        raw = await bus.jetstream.get_msg("DEAD", seq=number)
    except NotFoundError as error:
        raise NotFound(f"there is no dead letter {number}; `dead list` shows those there are") from error
    except (nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"the message broker did not answer: {type(error).__name__}") from error
    return _read(raw)


async def drop(bus: Bus, number: int) -> None:
    """Removes a dead letter for good; raises NotFound when there is none."""
    await letter(bus, number)
    try:
        await bus.jetstream.delete_msg("DEAD", number)
    except (nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"the message broker did not answer: {type(error).__name__}") from error


async def replay(bus: Bus, number: int) -> None:
    """Publishes the message again under the subject it had, and drops the letter once that is stored.

    Its bytes go back as they were, and it keeps the place it first had as its version (`Delivered.sequence`): a reader
    that has learned since to read it will, and what came after it still counts as newer. Every consumer of the subject
    gets it again. Raises NotFound when there is no such letter, Conflict when it does not say where it came from, or
    came from no stream: what a platform told and nobody could read.
    """
    found = await letter(bus, number)
    if found.reason == UNREADABLE:
        raise Conflict(f"dead letter {number} cannot be read, so nobody knows where it came from; it can be dropped")
    if not found.stream:
        raise Conflict(
            f"dead letter {number} came from a platform ({found.consumer}) and from no stream, so it cannot be sent "
            f"back. `python -m shared.bus dead show --payload {number} | python -m services.ingest decode --platform "
            "PLATFORM -` shows what this release makes of it, and POST /v1/sources/ID/letters/"
            f"{number}/redo takes it in (docs/operations.md)"
        )
    headers = {
        "Nats-Msg-Id": f"replayed:{number}:{found.stream}:{found.sequence}",
        FIRST_SEQUENCE: str(found.sequence),
    }
    try:
        await bus.jetstream.publish(found.subject, found.payload, headers=headers, timeout=5.0)
        await bus.jetstream.delete_msg("DEAD", number)
    except (nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"the message broker did not acknowledge: {type(error).__name__}") from error


def _read(raw: RawStreamMsg) -> DeadLetter:
    """The letter; for a message in DEAD that is none, a letter about that."""
    subject, payload = raw.subject or "", raw.data or b""
    try:
        event = decode(subject, payload)
    except Poison as poison:
        detail = poison.detail
    else:
        if isinstance(event, DeadLetter):
            return event
        detail = "this is an event, but no dead letter"
    return DeadLetter(
        service="unknown",
        reason=UNREADABLE,
        detail=detail,
        stream="DEAD",
        sequence=raw.seq or 0,
        consumer="",
        subject=subject,
        deliveries=1,
        at=raw.time or datetime.fromtimestamp(0, UTC),
        payload=payload,
    )
