"""One connection to the broker: it reconnects for ever, says how it stands, and publishes what must not be lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared.bus.bucket import Bucket
from shared.bus.declaration import declare
from shared.bus.objects import Objects
from shared.bus.publisher import Outgoing, Published, Publisher
from shared.errors import Unavailable
from shared.obs import metrics
from shared.waiting import ended, rest

CONNECT_TIMEOUT = 2.0
RETRY_PAUSE = 0.5
"""Seconds between attempts to connect or to declare."""
API_TIMEOUT = 5.0
"""Seconds for one question to JetStream."""
DRAIN_TIMEOUT = 5.0
COMPLAIN_SECONDS = 30.0
"""Between two warnings about one and the same outage; each attempt to connect ends in an error of its own."""

log = structlog.get_logger(__name__)


class Bus:
    """The broker as the services see it. Make one with `connect`, end it with `drain`."""

    def __init__(self, url: str, *, name: str, replicas: int = 1) -> None:
        self._url = url
        self._name = name
        self._replicas = replicas
        self._client = Client()
        self._connecting: asyncio.Task[None] | None = None
        self._publisher = Publisher(lambda: self._client)
        self._declared = False
        self._due = True
        self._closing = False
        self._complained_at = -COMPLAIN_SECONDS
        self._refused = False

    @classmethod
    async def connect(cls, url: str, *, name: str, replicas: int = 1) -> Bus:
        """Returns at once; the connection is made, and made again whenever it breaks, in the background.

        `replicas` is how many copies of each stream a cluster keeps. Raises nothing for an absent broker.
        """
        bus = cls(url, name=name, replicas=replicas)
        bus._start_connecting()
        # A broker that is there answers within milliseconds: give it that chance, so that the common start is simple.
        if bus._connecting is not None:
            await asyncio.wait({bus._connecting}, timeout=CONNECT_TIMEOUT)
        return bus

    def _start_connecting(self) -> None:
        self._connecting = asyncio.create_task(self._connect(), name="bus-connect")

    async def _connect(self) -> None:
        while not self._closing:
            try:
                await self._client.connect(
                    self._url,
                    name=self._name,
                    connect_timeout=int(CONNECT_TIMEOUT),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RETRY_PAUSE,  # type: ignore[arg-type]  # any number of seconds works
                    allow_reconnect=True,
                    ping_interval=5,
                    max_outstanding_pings=2,
                    pending_size=32 * 1024 * 1024,
                    flush_timeout=API_TIMEOUT,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnected,
                    reconnected_cb=self._on_reconnected,
                    closed_cb=self._on_closed,
                )
            except (OSError, nats.errors.Error, TimeoutError) as error:
                log.debug("broker away", error=type(error).__name__)
                await asyncio.sleep(RETRY_PAUSE)
            else:
                self._due = True
                log.info("broker connected")
                metrics.BROKER_CONNECTED.set(1)
                return

    async def _on_error(self, error: Exception) -> None:
        if not isinstance(error, ConnectionResetError):  # a refusal's own end may overtake it
            self._refused = _is_refusal(error)
        now = time.monotonic()
        if now - self._complained_at >= COMPLAIN_SECONDS:
            self._complained_at = now
            log.warning(
                "broker connection error", error="user or password refused" if self._refused else type(error).__name__
            )
        # The library forgets a connection whose greeting failed, such as one that is refused, and leaves it open.
        if not self._client.is_connected and (transport := self._client._transport) is not None:
            transport.close()  # type: ignore[no-untyped-call]  # the library leaves it without a return type

    async def _on_disconnected(self) -> None:
        metrics.BROKER_CONNECTED.set(0)
        if not self._closing:
            log.warning("broker connection lost")

    async def _on_reconnected(self) -> None:
        self._due = True
        metrics.BROKER_CONNECTED.set(1)
        log.info("broker connection restored")

    async def _on_closed(self) -> None:
        # The library gives up for good when the broker refuses it while connected: keys being changed, too many
        # connections, a violation of the protocol. We never give up.
        if not self._closing:
            log.warning("broker closed the connection, connecting anew")
            self._client = Client()
            self._start_connecting()

    @property
    def connected(self) -> bool:
        """True while the broker answers on this connection."""
        return bool(self._client.is_connected)

    @property
    def refused(self) -> bool:
        """True while a broker is there that takes neither this user nor its password, or wants some where none are."""
        return self._refused and not self.connected

    @property
    def ready(self) -> bool:
        """True while connected and once the table of streams has been declared."""
        return self.connected and self._declared

    @property
    def client(self) -> Client:
        """The connection itself, for the parts of `shared.bus` alone; another one once the broker closed it."""
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """JetStream on this connection, for the parts of `shared.bus` alone."""
        return self._client.jetstream(timeout=API_TIMEOUT)

    async def ensure(self) -> None:
        """Makes the broker hold what `topology` says; waits for as long as the broker is away.

        Raises Fatal when a stream there differs in what cannot be changed.
        """
        self._due = True
        await self._declare_until(asyncio.Event(), once=True)

    async def keep_declared(self, stop: asyncio.Event) -> None:
        """As `ensure`, and again after every reconnection, until `stop` is set.

        The broker that is back may be a new one with an empty disk.
        """
        await self._declare_until(stop, once=False)

    async def _declare_until(self, stop: asyncio.Event, *, once: bool) -> None:
        while not stop.is_set():
            if self.connected and self._due:
                try:
                    await self.declare()
                except Unavailable as error:
                    log.warning("streams not declared yet", error=error.detail)
            if once and not self._due:
                return
            await rest(RETRY_PAUSE, stop)

    async def declare(self) -> None:
        """As `ensure`, in one attempt; raises Unavailable when the broker does not answer."""
        # Set first: a connection lost and restored meanwhile makes it due once more.
        self._due = False
        try:
            await declare(self.jetstream, replicas=self._replicas)
        except BaseException as error:
            self._due = True
            if isinstance(error, (nats.errors.Error, TimeoutError)):
                raise Unavailable(str(error) or type(error).__name__) from error
            raise
        self._declared = True

    async def publish(self, events: Sequence[Outgoing], *, timeout: float = 5.0) -> list[Published]:
        """Returns when every event is durably stored, with each one's sequence, in the order given.

        Raises Unavailable when the broker is away, full or slow (`timeout` seconds for each batch of at most 200);
        what was stored by then is unknown, and publishing all of it again is safe because of the message ids.
        """
        if not self.connected:
            raise Unavailable("the message broker is away")
        started = time.monotonic()
        try:
            published = await self._publisher.publish(events, timeout=timeout)
        except Unavailable:
            metrics.PUBLISH_FAILURES.inc()
            raise
        metrics.PUBLISH_EVENTS.observe(len(events))
        metrics.PUBLISH_SECONDS.observe(time.monotonic() - started)
        return published

    async def bucket(self, name: str) -> Bucket:
        """The key-value bucket `name`, declared by `ensure`; raises Unavailable while the broker is away."""
        if not self.connected:
            raise Unavailable("the message broker is away")
        return Bucket(self.jetstream, name)

    async def objects(self, name: str) -> Objects:
        """The object store `name`, declared by `ensure`; raises Unavailable while the broker is away."""
        if not self.connected:
            raise Unavailable("the message broker is away")
        return Objects(self.jetstream, name)

    async def drain(self) -> None:
        """Sends what is still to send and closes; bounded by `DRAIN_TIMEOUT`."""
        self._closing = True
        if self._connecting is not None:
            await ended(self._connecting)
        # Whatever fails now means that the broker is away, and then there is nothing left to close.
        if self._client.is_connected:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                await self._client.flush(timeout=int(DRAIN_TIMEOUT))
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            await asyncio.wait_for(self._client.close(), DRAIN_TIMEOUT)

    async def __aenter__(self) -> Bus:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.drain()


def _is_refusal(error: Exception) -> bool:
    # At connecting the library raises its general error with the server's words, later one of a class of its own.
    return isinstance(error, nats.errors.AuthorizationError) or "authorization violation" in str(error).lower()
