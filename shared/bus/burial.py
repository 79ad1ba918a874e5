"""How a message becomes a dead letter."""

from __future__ import annotations

import re

from nats.aio.msg import Msg

from shared.bus.delivery import first_sequence
from shared.bus.publisher import Outgoing
from shared.bus.topology import ConsumerSpec
from shared.clock import Clock
from shared.errors import Poison
from shared.events import DeadLetter

MAX_REASON = 40
MAX_DETAIL = 2_000


def reason_token(reason: str) -> str:
    """`reason` as it may stand in a subject: what else a handler wrote becomes `_`, and nothing becomes `unnamed`."""
    return re.sub(r"[^a-z_]", "_", reason.lower())[:MAX_REASON] or "unnamed"


def dead_letter(message: Msg, poison: Poison, *, service: str, spec: ConsumerSpec, clock: Clock) -> Outgoing:
    """The letter that keeps `message` whole.

    Its message id is of this delivery's place in the stream: burying twice stores one letter, while a replayed message
    that is buried again is a letter of its own. The letter names the place that the message had at first.
    """
    place = message.metadata
    letter = DeadLetter(
        service=service,
        reason=reason_token(poison.reason),
        detail=poison.detail[:MAX_DETAIL].encode(errors="replace").decode(),
        stream=place.stream,
        sequence=first_sequence(message),
        consumer=spec.durable,
        subject=message.subject,
        deliveries=max(1, place.num_delivered),
        at=clock(),
        payload=message.data,
    )
    return Outgoing(event=letter, msg_id=f"dead:{spec.durable}:{place.stream}:{place.sequence.stream}")
