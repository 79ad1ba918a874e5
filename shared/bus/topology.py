"""The table of streams, consumers and buckets: what stands here is what the broker is made to hold at every start."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, get_args

import msgspec

from shared.events import MAX_EVENT_BYTES, PLATFORMS, ActionKind

MAX_MESSAGE_BYTES = 512 * 1024
"""Of a stream's message with its headers; an encoded event is at most `shared.events.MAX_EVENT_BYTES`."""

MAX_DEAD_BYTES = 1024 * 1024
"""A dead letter carries the whole message in base64; well below the server's `max_payload`, which cuts connections."""

HEADER_ROOM = 4 * 1024
"""Bytes of a stream's limit that are left to a message's headers."""

DEDUPLICATION_WINDOW = timedelta(minutes=2)
"""How long the broker remembers a Nats-Msg-Id. Whoever repeats later is recognised by the reader's database."""


class StreamSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One stream. `kept` None means: until somebody resolves it (or, in a work queue, until it is done)."""

    name: str
    subjects: tuple[str, ...]
    kept: timedelta | None
    retention: Literal["limits", "workqueue"] = "limits"
    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_event_bytes: int = MAX_MESSAGE_BYTES - HEADER_ROOM
    """Of an encoded event, checked before it is sent."""
    max_bytes: int = -1
    """-1: bounded by the server's own storage limit alone."""
    fading: bool = False
    """Of statistics that nobody needs to have read: the server itself drops what is older than `kept`, and the oldest
    once `max_bytes` is reached. Of every other stream only the janitor takes away, and only what was read."""


class ConsumerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One durable pull consumer, of explicit acknowledgement, redelivered for ever."""

    stream: str
    durable: str
    filters: tuple[str, ...]
    ack_wait: float = 30.0
    """Seconds until an unacknowledged message comes again; what is in flight is kept alive at a third of it."""
    max_ack_pending: int = 4_096
    """Messages in flight over all replicas."""


class BucketSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One key-value bucket; the last value of each key is kept, `ttl` after it was put where that is given."""

    name: str
    ttl: timedelta | None = None


COMMENTS = StreamSpec(
    name="COMMENTS",
    subjects=("comments.*.*.*",),
    kept=timedelta(days=7),
    # Less than the others take: a comment travels on inside of a Tagged.
    max_event_bytes=MAX_EVENT_BYTES,
)
TAGGED = StreamSpec(name="TAGGED", subjects=("tagged.*.*.*",), kept=timedelta(days=7))
QUEUES = StreamSpec(name="QUEUES", subjects=("queues.*",), kept=timedelta(days=30))
CASES = StreamSpec(name="CASES", subjects=("cases.*.*",), kept=timedelta(days=90))
ACTIONS = StreamSpec(name="ACTIONS", subjects=("actions.*.*.*",), kept=None, retention="workqueue")
OUTCOMES = StreamSpec(name="OUTCOMES", subjects=("outcomes.*.*.*",), kept=timedelta(days=30))
LABELS = StreamSpec(name="LABELS", subjects=("labels.*",), kept=None)
DEAD = StreamSpec(
    name="DEAD",
    subjects=("dead.*.*",),
    kept=None,
    max_message_bytes=MAX_DEAD_BYTES,
    max_event_bytes=MAX_DEAD_BYTES - HEADER_ROOM,
)

FINGERPRINTS = StreamSpec(
    name="FINGERPRINTS",
    subjects=("fingerprints.*",),
    kept=timedelta(hours=6),
    # Some 1.4 million comments: more than the classifier's table remembers.
    max_bytes=128 * 1024 * 1024,
    fading=True,
)

STREAMS: tuple[StreamSpec, ...] = (COMMENTS, TAGGED, QUEUES, CASES, ACTIONS, OUTCOMES, LABELS, DEAD, FINGERPRINTS)

CLASSIFIER_COMMENTS = ConsumerSpec(
    stream="COMMENTS", durable="classifier", filters=("comments.created.*.*", "comments.edited.*.*")
)
ROUTING_LIFE = ConsumerSpec(
    stream="COMMENTS", durable="routing-life", filters=("comments.deleted.*.*", "comments.restored.*.*")
)
ROUTING_TAGGED = ConsumerSpec(stream="TAGGED", durable="routing", filters=("tagged.*.*.*",))
INGEST_ACTIONS: dict[str, ConsumerSpec] = {
    platform: ConsumerSpec(
        stream="ACTIONS",
        durable=f"ingest-actions-{platform}",
        filters=tuple(f"actions.{platform}.*.{kind}" for kind in get_args(ActionKind)),
    )
    for platform in PLATFORMS
}
"""One durable for each platform, so that one that is away holds up no other."""
INGEST_CANCELLATIONS = ConsumerSpec(stream="ACTIONS", durable="ingest-cancellations", filters=("actions.*.*.cancel",))
ROUTING_OUTCOMES = ConsumerSpec(stream="OUTCOMES", durable="routing-outcomes", filters=("outcomes.*.*.*",))

CONSUMERS: tuple[ConsumerSpec, ...] = (
    CLASSIFIER_COMMENTS,
    ROUTING_LIFE,
    ROUTING_TAGGED,
    *INGEST_ACTIONS.values(),
    INGEST_CANCELLATIONS,
    ROUTING_OUTCOMES,
)

BUCKETS: tuple[BucketSpec, ...] = (
    BucketSpec(name="api_keys"),
    BucketSpec(name="model_pointer"),
    # A replica says every twenty seconds which model it judges with; who was not heard for a minute is gone.
    BucketSpec(name="model_replicas", ttl=timedelta(minutes=1)),
    BucketSpec(name="model_disagreements", ttl=timedelta(days=30)),
    BucketSpec(name="sources"),
    # Told again every six hours.
    BucketSpec(name="source_health", ttl=timedelta(days=2)),
    BucketSpec(name="leases"),
    # A replica of ingest renews its announcement every few seconds; with it all its leases are gone.
    BucketSpec(name="ingest_replicas", ttl=timedelta(seconds=15)),
)

OBJECT_STORES: tuple[str, ...] = ("models",)

_BY_STEM = {spec.subjects[0].partition(".")[0]: spec for spec in STREAMS}


def stream_for(subject: str) -> StreamSpec:
    """The stream that keeps `subject`; raises KeyError for a subject of none."""
    return _BY_STEM[subject.partition(".")[0]]
