"""What machines ask every few seconds: alive, ready, metrics."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.enums import MediaType

from shared.auth.middleware import PUBLIC
from shared.errors import OtklikError
from shared.obs import metrics
from shared.web.health import Health


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process turns."""

    status: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The service can do its work; `parts` names what it needs."""

    ready: bool
    parts: dict[str, bool]


class NotHealthy(OtklikError):
    """Only a restart helps."""

    status = 503
    title = "Not healthy"


class NotReady(OtklikError):
    """A part is missing; `parts` in the problem document says which."""

    status = 503
    title = "Not ready"


def _health(request: Request[Any, Any, Any]) -> Health:
    health: Health = request.app.state.health
    return health


@get("/healthz", opt={PUBLIC: True}, summary="Alive", tags=["operation"])
async def healthz(request: Request[Any, Any, Any]) -> Alive:
    """200 while the event loop and every background task turn; 503 when only a restart helps."""
    ailment = _health(request).ailment()
    if ailment is not None:
        raise NotHealthy(ailment)
    return Alive(status="ok")


@get("/readyz", opt={PUBLIC: True}, summary="Ready", tags=["operation"])
async def readyz(request: Request[Any, Any, Any]) -> Ready:
    """200 when every part this service needs is there; 503 names what is missing: waiting helps, a restart does not."""
    parts = await _health(request).parts()
    missing = sorted(part for part, there in parts.items() if not there)
    if missing:
        raise NotReady(f"missing: {', '.join(missing)}", extra={"parts": parts}, headers={"Retry-After": "2"})
    return Ready(ready=True, parts=parts)


@get("/metrics", opt={PUBLIC: True}, summary="Metrics", tags=["operation"], media_type=MediaType.TEXT)
async def metrics_page() -> Response[bytes]:
    """Everything measured, in Prometheus' text format."""
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)
