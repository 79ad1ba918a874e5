"""A message that could not be handled, kept whole until somebody resolves it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.events.base import BaseEvent, Moment


class DeadLetter(BaseEvent, frozen=True, kw_only=True, tag="dead"):
    """`payload` is the message's bytes as they came (base64 in JSON); `stream` and `sequence` say where it stood."""

    service: Annotated[str, Meta(pattern=r"^[a-z_-]{1,40}$(?!\n)")]
    reason: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)")]
    """undecodable, invalid, mismatched, exhausted, or a handler's own word."""
    detail: Annotated[str, Meta(max_length=2_000)]
    """What is wrong with it, in words; never its content."""
    stream: str
    sequence: Annotated[int, Meta(ge=0)]
    consumer: str
    subject: str
    deliveries: Annotated[int, Meta(ge=1)]
    at: Moment
    payload: bytes
