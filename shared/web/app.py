"""Assembles a service's application: errors, keys, probes, documentation and limits are the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler

from shared.auth import bearer_of
from shared.auth.middleware import Authenticator, Credentials, KeyMiddleware
from shared.web.health import Check, Health
from shared.web.openapi import StructSchemas, entrance, openapi_config
from shared.web.probes import healthz, metrics_page, readyz
from shared.web.problem import EXCEPTION_HANDLERS
from shared.web.request import ServiceRequest
from shared.web.service import Service

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of a request's body; a handler with a good reason sets its own `request_max_body_size`."""

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(
    *,
    title: str,
    version: str,
    route_handlers: Sequence[ControllerRouterHandler],
    keyring: Authenticator,
    settings: object = None,
    lifespan: Sequence[Lifespan] = (),
    readiness: Mapping[str, Check] | None = None,
    credentials: Credentials = bearer_of,
    description: str = "",
    configure: Sequence[Callable[[AppConfig], AppConfig]] = (),
) -> Service:
    """The application; nothing is connected or started before its lifespan.

    `readiness` names the parts of /readyz beside the keys. `credentials` finds the key in a request, where it is not
    in the header Authorization alone. `configure` may change Litestar's own configuration (templates, static files).
    Handlers find `settings`, `keyring` and `health` in `app.state`, and the caller in `request.user`.
    """
    checks: dict[str, Check] = {"keys": lambda: keyring.fresh, **(readiness or {})}
    return Service(
        route_handlers=[entrance, healthz, readyz, metrics_page, *route_handlers],
        lifespan=list(lifespan),
        state=State({"settings": settings, "keyring": keyring, "health": Health(checks)}),
        middleware=[DefineMiddleware(KeyMiddleware, keyring=keyring, credentials=credentials)],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=openapi_config(title=title, version=version, description=description),
        plugins=[StructSchemas()],
        request_class=ServiceRequest,
        request_max_body_size=BODY_LIMIT,
        # The canonical line of `service.py` is the only one; Litestar's own would carry bodies and tracebacks.
        logging_config=None,
        on_app_init=list(configure),
        debug=False,
    )
