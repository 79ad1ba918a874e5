"""`POST /hooks/<platform>/<source>`: where platforms call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, Protocol, TypeVar

import structlog
from litestar import MediaType, Response, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath

from services.ingest.arrivals import Arrivals
from services.ingest.connectors.connector import Connector, Forged, HookAnswer
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.sources.source import Secrets, Source
from shared.auth.middleware import PUBLIC
from shared.errors import Forbidden, Transient, Unavailable
from shared.events import Platform
from shared.obs import metrics
from shared.web import ServiceRequest

MAX_BODY = 512 * 1024
"""Bytes of one call; the longest comments of all platforms fit twenty times."""
DURABLE_SECONDS = 3.0
"""For making a call's events durable: VK waits four seconds and then sends again. What takes longer is stored all the
same, and recognised when it comes again."""
PAUSED_SECONDS = 60
"""What a platform is asked to wait while the source is paused. VK waits with everything behind the call as well, also
once the source goes on."""

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Known(Protocol):
    """Which sources there are."""

    def get(self, source: str) -> Source | None:
        """The source of that id."""

    @property
    def loaded(self) -> asyncio.Event:
        """Set once all are known."""


class Heard(Protocol):
    """Learns how a source fares."""

    def heard(self, source: Source, events: int, *, lag: float | None = None) -> None:
        """The platform called, and what it told is durable: so many events that are new, the newest `lag` seconds
        old."""

    def forged(self, source: Source) -> None:
        """Somebody called without its secret."""


class Hooks:
    """Answers platforms' calls."""

    def __init__(
        self, *, sources: Known, connectors: Mapping[str, Connector], arrivals: Arrivals, heard: Heard
    ) -> None:
        self._sources = sources
        self._connectors = connectors
        self._nobody = {platform: _nobody(connector.platform) for platform, connector in connectors.items()}
        """In place of a source that is not there."""
        self._arrivals = arrivals
        self._heard = heard
        self._working: set[asyncio.Task[Any]] = set()

    async def answer(self, platform: str, source_id: str, headers: Mapping[str, str], body: bytes) -> HookAnswer:
        """What the platform is told, once all is durable.

        Raises Forbidden for a wrong secret and, in the same words, for a source that does not exist, that polls, or
        that is of another platform; Unavailable where nothing can be made durable now.
        """
        if not self._sources.loaded.is_set():
            raise Unavailable("the sources are not known yet")
        source, connector = self._sources.get(source_id), self._connectors.get(platform)
        if connector is None:
            raise _refused()
        if source is None or source.platform != platform or source.way != "hook":
            # Looked at all the same: how long a refusal takes would tell which sources there are.
            with suppress(Forged, NotThisPlatform):
                connector.hook(self._nobody[platform], headers, body)
            raise _forged(platform)
        try:
            call = connector.hook(source, headers, body)
        except Forged:
            self._heard.forged(source)
            raise _forged(platform) from None
        except NotThisPlatform as error:
            payload = _without_secret(source, body)
            # Genuine, and beyond us: an error would make the platform send it again and again, and at last give us up.
            await self._in_time(self._arrivals.bury(source, payload, "undecodable", str(error)))
            metrics.HOOK_CALLS.labels(platform=platform, result="undecodable").inc()
            return connector.taken
        if not source.active and call.events:
            raise Unavailable("this source is paused", retry_after=PAUSED_SECONDS)
        taken = await self._in_time(self._arrivals.take(source, call.events, _without_secret(source, body)))
        self._heard.heard(source, taken.news, lag=taken.lag)
        metrics.HOOK_CALLS.labels(platform=platform, result="taken").inc()
        return call.answer

    async def _in_time(self, work: Coroutine[None, None, T]) -> T:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._finished)
        done, _ = await asyncio.wait({task}, timeout=DURABLE_SECONDS)
        if not done:
            raise Unavailable("storing takes long; send it again, nothing will be stored twice")
        try:
            return task.result()
        except Transient as error:
            raise Unavailable("the database is away; send it again") from error

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._working.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has heard it, or has left


def _without_secret(source: Source, body: bytes) -> bytes:
    """What may be kept of a call: VK writes the secret into the body."""
    secret = source.secrets.hook_secret
    return body.replace(secret.encode(), b"(secret)") if secret else body


def _nobody(platform: Platform) -> Source:
    return Source(
        id="nobody", platform=platform, page=f"{platform}:-1", way="hook", secrets=Secrets(hook_secret=token_urlsafe())
    )


def _forged(platform: str) -> Forbidden:
    metrics.HOOK_CALLS.labels(platform=platform, result="forged").inc()
    return _refused()


def _refused() -> Forbidden:
    return Forbidden("no such hook, or not its secret")


@post(
    "/hooks/{platform:str}/{source:str}",
    status_code=HTTPStatus.OK,
    opt={PUBLIC: True},
    request_max_body_size=MAX_BODY,
    summary="A platform calls",
    tags=["hooks"],
    media_type=MediaType.TEXT,
    responses={403: ResponseSpec(None, description="A wrong secret, or no such source: both look alike")},
)
async def call_hook(
    request: ServiceRequest,
    platform: FromPath[str],
    source: FromPath[str],
) -> Response[bytes]:
    """Takes a call of VK's Callback API, Telegram's or MAX's webhook, and answers as that platform expects, once what
    it brought is durable. The platform proves itself by the source's own secret; no key of ours is needed."""
    hooks: Hooks = request.app.state.hooks
    headers = {name.lower(): value for name, value in request.headers.items()}
    answer = await hooks.answer(platform, source, headers, await request.body())
    return Response(answer.body, status_code=answer.status, media_type=MediaType.TEXT)
