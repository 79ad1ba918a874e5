"""Bytes to events and back, with the subject held against the payload."""

from __future__ import annotations

import re

import msgspec

from shared.errors import Poison
from shared.events.action import Action, ActionCancelled, Outcome
from shared.events.case import CaseEvent, QueueNotice
from shared.events.comment import CommentCreated, CommentDeleted, CommentEdited, CommentRestored
from shared.events.dead import DeadLetter
from shared.events.fingerprints import Fingerprints
from shared.events.label import Label
from shared.events.subject import subject_of
from shared.events.tagged import Tagged

MAX_EVENT_BYTES = 480 * 1024
"""Of an encoded event; below the streams' 512 KiB, leaving room for headers."""

Event = (
    CommentCreated
    | CommentEdited
    | CommentDeleted
    | CommentRestored
    | Tagged
    | CaseEvent
    | QueueNotice
    | Action
    | ActionCancelled
    | Outcome
    | Label
    | DeadLetter
    | Fingerprints
)

_QUOTED_VALUE = re.compile(r"value '.*'", re.DOTALL)
"""How msgspec quotes a value that is none of those allowed: it may be a comment's text in the wrong place."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """The event as JSON."""
    return _encoder.encode(event)


def decode(subject: str, payload: bytes) -> Event:
    """The event in `payload`.

    Raises Poison `undecodable` for what is not JSON, `invalid` for JSON that is no event (the detail names the
    field), `mismatched` when the event belongs under another subject than the one it came by.
    """
    try:
        event = _decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise Poison("invalid", _QUOTED_VALUE.sub("value", str(error))[:500]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # DecodeError may quote a byte and its position, never the content.
        raise Poison("undecodable", str(error)[:500]) from None
    expected = subject_of(event)
    if expected != subject:
        raise Poison("mismatched", f"came under {subject[:200]}, its content belongs under {expected[:200]}")
    return event
