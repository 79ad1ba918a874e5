"""A key-value bucket, with the means to follow its changes without missing one."""

from __future__ import annotations

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError, NotFoundError

from shared.bus.reader import SILENT_SECONDS, forget
from shared.errors import Conflict, Unavailable

READ_TIMEOUT = 5.0
_READ_AT_ONCE = 500
_OPERATION = "KV-Operation"
_WRONG_LAST_SEQUENCE = 10071


class Bucket:
    """Keys are plain tokens (`shared.events.token` makes one of any id); values are bytes.

    Every call raises Unavailable when the broker does not answer in time.
    """

    def __init__(self, jetstream: JetStreamContext, name: str) -> None:
        self._jetstream = jetstream
        self._stream = f"KV_{name}"
        self._name = name

    async def get(self, key: str) -> bytes | None:
        """The value, or None where there is none."""
        try:
            entry = await (await self._jetstream.key_value(self._name)).get(key)
        except (KeyNotFoundError, NotFoundError):
            return None
        except (nats.errors.Error, TimeoutError) as error:
            raise _unavailable(self._name, error) from error
        return entry.value or b""

    async def put(self, key: str, value: bytes) -> int:
        """Stores the value; returns the bucket's sequence of this change."""
        try:
            return int(await (await self._jetstream.key_value(self._name)).put(key, value))
        except (nats.errors.Error, TimeoutError) as error:
            raise _unavailable(self._name, error) from error

    async def entry(self, key: str) -> tuple[bytes | None, int]:
        """The value (None where there is none) and the revision to `replace` it by, as the bucket's leader has them."""
        try:
            raw = await self._jetstream.get_last_msg(self._stream, f"$KV.{self._name}.{key}")
        except NotFoundError:
            return None, 0
        except (nats.errors.Error, TimeoutError) as error:
            raise _unavailable(self._name, error) from error
        removed = (raw.headers or {}).get(_OPERATION) in ("DEL", "PURGE")
        return None if removed else raw.data or b"", int(raw.seq or 0)

    async def replace(self, key: str, value: bytes, *, revision: int) -> int:
        """Stores the value if the key still stands at `revision` (0: it never had a value); returns the new one.

        Raises Conflict otherwise. After Unavailable it may be stored or not: look with `entry`.
        """
        try:
            bucket = await self._jetstream.key_value(self._name)
            return int(await bucket.update(key, value, last=revision))
        except KeyWrongLastSequenceError as error:
            raise Conflict(f"{key} was changed meanwhile") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise _unavailable(self._name, error) from error

    async def delete(self, key: str, *, revision: int | None = None) -> None:
        """Removes the key; followers see the removal as a change. With `revision` only if it still stands there, else
        Conflict is raised."""
        try:
            await (await self._jetstream.key_value(self._name)).delete(key, last=revision)
        except (nats.errors.Error, TimeoutError) as error:
            if isinstance(error, APIError) and error.err_code == _WRONG_LAST_SEQUENCE:
                raise Conflict(f"{key} was changed meanwhile") from error
            raise _unavailable(self._name, error) from error

    async def keys(self) -> list[str]:
        """All keys that have a value, sorted."""
        return sorted(await self.entries())

    async def entries(self, under: str = "") -> dict[str, bytes]:
        """Every key with its value; with `under`, those that begin with it and a dot."""
        try:
            changes, _ = await self._read(0, f"{under}.>" if under else ">")
        except (nats.errors.Error, TimeoutError) as error:
            raise _unavailable(self._name, error) from error
        present: dict[str, bytes] = {}
        for key, value in changes:
            if value is None:
                present.pop(key, None)
            else:
                present[key] = value
        return present

    async def last_sequence(self) -> int:
        """Sequence of the bucket's newest change, asked of the broker now: it rises with every put and delete."""
        try:
            return int((await self._jetstream.stream_info(self._stream)).state.last_seq)
        except (nats.errors.Error, TimeoutError) as error:
            raise _unavailable(self._name, error) from error

    async def changes(self, after: int) -> tuple[list[tuple[str, bytes | None]], int]:
        """The changes since sequence `after`, oldest first (None: removed), and the sequence they reach up to."""
        try:
            return await self._read(after, ">")
        except (nats.errors.Error, TimeoutError) as error:
            raise _unavailable(self._name, error) from error

    async def _read(self, after: int, keys: str) -> tuple[list[tuple[str, bytes | None]], int]:
        state = (await self._jetstream.stream_info(self._stream)).state
        if state.last_seq <= after:
            return [], after
        prefix = f"$KV.{self._name}."
        subscription = await self._jetstream.pull_subscribe(
            f"{prefix}{keys}",
            stream=self._stream,
            config=ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=after + 1,
                ack_policy=AckPolicy.NONE,
                mem_storage=True,
                inactive_threshold=SILENT_SECONDS,
            ),
        )
        changes: list[tuple[str, bytes | None]] = []
        reached = max(after, int(state.last_seq))
        try:
            while int((await subscription.consumer_info()).num_pending or 0) > 0:
                for message in await self._some(subscription):
                    removed = (message.headers or {}).get(_OPERATION) in ("DEL", "PURGE")
                    changes.append((message.subject.removeprefix(prefix), None if removed else message.data))
                    reached = max(reached, int(message.metadata.sequence.stream))
        finally:
            await forget(self._jetstream, self._stream, subscription)
        return changes, reached

    async def _some(self, subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        try:
            return await subscription.fetch(_READ_AT_ONCE, timeout=READ_TIMEOUT)
        except TimeoutError:
            # What was still to come was replaced meanwhile; the caller asks anew how much there is.
            return []


def _unavailable(name: str, error: BaseException) -> Unavailable:
    return Unavailable(f"the bucket {name} did not answer: {type(error).__name__}")
