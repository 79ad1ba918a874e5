"""Dead letters: listed, shown, replayed where they came from, or dropped; each by its number in DEAD."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import nats.errors
from nats.js.errors import NotFoundError

from shared.bus.connection import Bus
from shared.errors import NotFound, Poison, Unavailable
from shared.events import DeadLetter, decode


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
            letter = _read(raw.subject or "", raw.data or b"")
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
    return _read(raw.subject or "", raw.data or b"")


async def drop(bus: Bus, number: int) -> None:
    """Removes a dead letter for good; raises NotFound when there is none."""
    await letter(bus, number)
    await bus.jetstream.delete_msg("DEAD", number)


async def replay(bus: Bus, number: int) -> None:
    """Publishes the message again under the subject it had, and drops the letter once that is stored.

    Its bytes go back as they were: it becomes a new version in its stream, and a reader that has learned since to
    read it will. Raises NotFound when there is no such letter.
    """
    found = await letter(bus, number)
    headers = {"Nats-Msg-Id": f"replayed:{number}:{found.stream}:{found.sequence}"}
    try:
        await bus.jetstream.publish(found.subject, found.payload, headers=headers, timeout=5.0)
        await bus.jetstream.delete_msg("DEAD", number)
    except (nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"the message broker did not acknowledge: {type(error).__name__}") from error


def _read(subject: str, payload: bytes) -> DeadLetter:
    event = decode(subject, payload)
    if not isinstance(event, DeadLetter):
        raise Poison("invalid", f"the message under {subject} is no dead letter")
    return event
