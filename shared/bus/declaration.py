"""Makes the broker's streams, consumers and buckets equal to the table, and says so when it cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    KeyValueConfig,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from shared.bus.topology import (
    BUCKETS,
    CONSUMERS,
    DEDUPLICATION_WINDOW,
    OBJECT_STORES,
    STREAMS,
    BucketSpec,
    ConsumerSpec,
    StreamSpec,
)
from shared.errors import Fatal

_SUBJECTS_OVERLAP = 10065

log = structlog.get_logger(__name__)


def stream_config(spec: StreamSpec, *, replicas: int) -> StreamConfig:
    """The broker's words for `spec`.

    No `max_age`, which would delete what a paused consumer has not read, but for a stream that fades.
    """
    return StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=RetentionPolicy.WORK_QUEUE if spec.retention == "workqueue" else RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD if spec.fading else DiscardPolicy.NEW,
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_msg_size=spec.max_message_bytes,
        max_bytes=spec.max_bytes,
        # The broker's own defaults, spelled out: whatever is not named here would be left as somebody changed it.
        max_age=spec.kept.total_seconds() if spec.fading and spec.kept else 0.0,
        max_msgs=-1,
        max_msgs_per_subject=-1,
        max_consumers=-1,
        duplicate_window=DEDUPLICATION_WINDOW.total_seconds(),
        allow_atomic=True,
        allow_direct=True,
    )


def consumer_config(spec: ConsumerSpec) -> ConsumerConfig:
    """The broker's words for `spec`. `max_deliver` -1: at a finite one the server drops the message silently."""
    return ConsumerConfig(
        name=spec.durable,
        durable_name=spec.durable,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait,
        max_deliver=-1,
        max_ack_pending=spec.max_ack_pending,
        max_waiting=512,
        filter_subjects=list(spec.filters),
        # Spelled out for the same reason; a `backoff` would replace `ack_wait`, `headers_only` would lose every event.
        backoff=[],
        headers_only=False,
        inactive_threshold=0.0,
        rate_limit_bps=0,
    )


async def declare(jetstream: JetStreamContext, *, replicas: int) -> None:
    """Creates what is missing, updates what differs.

    Raises Fatal for a difference that the broker will not change, and nats' errors while it cannot answer.
    """
    for stream in STREAMS:
        await _declare_stream(jetstream, stream_config(stream, replicas=replicas))
    for consumer in CONSUMERS:
        await _declare_consumer(jetstream, consumer.stream, consumer_config(consumer))
    for bucket in BUCKETS:
        await _declare_bucket(jetstream, bucket, replicas=replicas)
    for store in OBJECT_STORES:
        await _declare_objects(jetstream, store, replicas=replicas)


async def _declare_stream(jetstream: JetStreamContext, wanted: StreamConfig) -> None:
    name = wanted.name or ""
    try:
        found = (await jetstream.stream_info(name)).config
    except NotFoundError:
        await _add_stream(jetstream, wanted)
        return
    changed = _differences(wanted, found)
    if not changed:
        return
    try:
        updated = await jetstream.update_stream(found.evolve(**{field: getattr(wanted, field) for field in changed}))
    except ServiceUnavailableError:
        raise
    except APIError as error:
        differing = ", ".join(changed)
        raise Fatal(f"stream {name} differs in {differing} and cannot be changed: {error.description}") from error
    left = _differences(wanted, updated.config)
    if left:
        raise Fatal(f"stream {name} still differs in {', '.join(left)} after the update")
    log.info("stream updated", stream=name, changed=changed)


async def _add_stream(jetstream: JetStreamContext, wanted: StreamConfig) -> None:
    try:
        await jetstream.add_stream(wanted)
    except APIError as error:
        if error.err_code == _SUBJECTS_OVERLAP:
            raise Fatal(f"stream {wanted.name} cannot be made: another stream has its subjects") from error
        raise
    log.info("stream created", stream=wanted.name)


async def _declare_consumer(jetstream: JetStreamContext, stream: str, wanted: ConsumerConfig) -> None:
    name = wanted.durable_name or ""
    try:
        found = (await jetstream.consumer_info(stream, name)).config
    except NotFoundError:
        found = None
    if found is not None and not _differences(wanted, found):
        return
    try:
        # Adding a durable that exists updates it; what cannot be updated is refused, never ignored.
        made = await jetstream.add_consumer(stream, wanted)
    except (NotFoundError, ServiceUnavailableError):
        raise
    except APIError as error:
        raise Fatal(f"consumer {name} on {stream} cannot be made as declared: {error.description}") from error
    left = _differences(wanted, made.config) if made.config else []
    if left:
        raise Fatal(f"consumer {name} on {stream} still differs in {', '.join(left)}")
    log.info("consumer declared", stream=stream, consumer=name)


async def _declare_bucket(jetstream: JetStreamContext, spec: BucketSpec, *, replicas: int) -> None:
    wanted = KeyValueConfig(
        bucket=spec.name,
        history=1,
        ttl=(spec.ttl or timedelta()).total_seconds() or None,
        storage=StorageType.FILE,
        replicas=replicas,
    )
    try:
        found = (await jetstream.stream_info(f"KV_{spec.name}")).config
    except NotFoundError:
        await jetstream.create_key_value(wanted)
        log.info("bucket created", bucket=spec.name)
        return
    ttl = wanted.ttl or 0.0
    if found.num_replicas != replicas or (found.max_age or 0.0) != ttl:
        # What is remembered against repetitions may not outlive what is kept.
        window = min(found.duplicate_window or ttl, ttl) if ttl else found.duplicate_window
        await jetstream.update_stream(found.evolve(num_replicas=replicas, max_age=ttl, duplicate_window=window))
        log.info("bucket updated", bucket=spec.name, replicas=replicas)


async def _declare_objects(jetstream: JetStreamContext, name: str, *, replicas: int) -> None:
    try:
        found = (await jetstream.stream_info(f"OBJ_{name}")).config
    except NotFoundError:
        wanted = ObjectStoreConfig(bucket=name, storage=StorageType.FILE, replicas=replicas)
        await jetstream.create_object_store(name, config=wanted)
        log.info("object store created", store=name)
        return
    if found.num_replicas != replicas:
        await jetstream.update_stream(found.evolve(num_replicas=replicas))
        log.info("object store updated", store=name, replicas=replicas)


def _differences(wanted: Any, found: Any) -> list[str]:
    """Names of the fields that `wanted` sets and `found` has otherwise."""
    names = []
    for field, value in vars(wanted).items():
        if value is None or field == "name":
            continue
        present = getattr(found, field, None)
        # The broker leaves out what is empty, zero or false.
        if present != value and (present or value):
            names.append(field)
    return names
