"""Who may call a handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from shared.auth.record import Principal, Role
from shared.errors import Forbidden

Guard = Callable[["ASGIConnection[Any, Any, Any, Any]", BaseRouteHandler], None]


class RoleGuard:
    """Lets callers in who have one of `roles`; admin always. Raises Forbidden for others."""

    def __init__(self, roles: tuple[Role, ...]) -> None:
        self.roles = roles

    def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        user = connection.scope.get("user")
        if not isinstance(user, Principal) or (user.role != "admin" and user.role not in self.roles):
            raise Forbidden(f"this needs one of the roles: {', '.join(('admin', *self.roles))}")


def requires(*roles: Role) -> Guard:
    """A guard for a handler, controller or router: `guards=[requires("agent", "coordinator")]`."""
    return RoleGuard(roles)


def bearer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The key in the header `Authorization: Bearer …`; None without one."""
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None
