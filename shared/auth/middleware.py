"""Finds out who calls, before any handler runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import structlog
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from shared.auth.record import Principal
from shared.errors import Unauthorized

PUBLIC = "public"
"""Handlers marked `opt={"public": True}` need no key."""

Credentials = Callable[["ASGIConnection[Any, Any, Any, Any]"], str | None]


class Authenticator(Protocol):
    """What the middleware needs of a key ring."""

    @property
    def fresh(self) -> bool:
        """Whether keys can be checked now."""

    async def authenticate(self, bearer: str) -> Principal:
        """Whose key this is."""


class KeyMiddleware(AbstractAuthenticationMiddleware):
    """Puts the Principal into `request.user`; raises Unauthorized or Unavailable instead of calling the handler."""

    def __init__(self, app: ASGIApp, *, keyring: Authenticator, credentials: Credentials) -> None:
        super().__init__(app, exclude_from_auth_key=PUBLIC)
        self._keyring = keyring
        self._credentials = credentials

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """The caller."""
        bearer = self._credentials(connection)
        if bearer is None:
            raise Unauthorized(
                "send your key as `Authorization: Bearer otk_…`",
                headers={"WWW-Authenticate": 'Bearer realm="otklik"'},
            )
        principal = await self._keyring.authenticate(bearer)
        structlog.contextvars.bind_contextvars(key_id=principal.key_id)
        return AuthenticationResult(user=principal, auth=None)
