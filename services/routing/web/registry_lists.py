"""`/v1/institutions`, `/v1/pages`, `/v1/territories`: the registry in force, read from memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from litestar import Controller, get
from litestar.params import FromPath

from services.routing.domain.registry import Institution, Registry, Territory
from services.routing.domain.registry import Page as OfficialPage
from services.routing.web import parameter
from services.routing.web.office import caller_of
from shared.auth import requires
from shared.errors import NotFound
from shared.web import Page, ServiceRequest, decode_cursor, encode_cursor

R = TypeVar("R")

READERS = requires("coordinator", "moderator", "agent", "auditor")
_LastId = Annotated[str, msgspec.Meta(max_length=200)]


class Order:
    """The ids of one registry's rows in order, sorted once: a page of 175,000 must not sort them all again."""

    def __init__(self) -> None:
        self._registry: Registry | None = None
        self._ids: dict[str, list[str]] = {}

    def page(self, registry: Registry, kind: str, rows: Mapping[str, R], *, limit: int, cursor: str | None) -> Page[R]:
        """The rows whose ids follow the cursor's."""
        if registry is not self._registry:
            self._registry, self._ids = registry, {}
        ids = self._ids.get(kind)
        if ids is None:
            ids = self._ids[kind] = sorted(rows)
        start = 0 if cursor is None else bisect_right(ids, decode_cursor(cursor, _LastId))
        chosen = ids[start : start + limit]
        more = start + limit < len(ids)
        return Page(items=[rows[id] for id in chosen], next=encode_cursor(chosen[-1]) if more else None)


_order = Order()


class RegistryController(Controller):
    """Who answers where; by id."""

    path = "/v1"
    tags = ("registry",)
    guards = (READERS,)

    @get("/institutions", summary="Institutions")
    async def institutions(
        self, request: ServiceRequest, limit: parameter.Limit = parameter.DEFAULT_PAGE, cursor: parameter.Cursor = None
    ) -> Page[Institution]:
        """Everybody who answers citizens."""
        registry = (await caller_of(request)).registry
        return _order.page(registry, "institutions", registry.institutions, limit=limit, cursor=cursor)

    @get("/institutions/{institution:str}", summary="An institution")
    async def institution(self, request: ServiceRequest, institution: FromPath[str]) -> Institution:
        """One institution."""
        found = (await caller_of(request)).registry.institution(institution)
        if found is None:
            raise NotFound("no such institution")
        return found

    @get("/pages", summary="Official pages")
    async def pages(
        self, request: ServiceRequest, limit: parameter.Limit = parameter.DEFAULT_PAGE, cursor: parameter.Cursor = None
    ) -> Page[OfficialPage]:
        """The official pages, with the institution each belongs to."""
        registry = (await caller_of(request)).registry
        return _order.page(registry, "pages", registry.pages, limit=limit, cursor=cursor)

    @get("/territories", summary="Territories")
    async def territories(
        self, request: ServiceRequest, limit: parameter.Limit = parameter.DEFAULT_PAGE, cursor: parameter.Cursor = None
    ) -> Page[Territory]:
        """The tree of territories."""
        registry = (await caller_of(request)).registry
        return _order.page(registry, "territories", registry.territories, limit=limit, cursor=cursor)
