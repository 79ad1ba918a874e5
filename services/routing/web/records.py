"""`/v1/decisions`, `/v1/events`, `/v1/stats`: what was done, and how much there is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from services.routing.store import log_view
from services.routing.store.count_view import Stats
from services.routing.store.log_view import DecisionItem, EventItem
from services.routing.store.queue_view import Place
from services.routing.web import parameter
from services.routing.web.office import caller_of, office_of
from shared.auth import requires
from shared.web import Page, ServiceRequest, decode_cursor, encode_cursor


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the log; `next` is always there, since the log goes on."""

    items: list[EventItem]
    next: int
    """`after` of the next question: the number of the last event that was looked at, seen by this key or not."""


@get(
    "/v1/decisions",
    guards=[requires("coordinator", "moderator", "auditor")],
    summary="Moderators' decisions",
    tags=["records"],
)
async def list_decisions(
    request: ServiceRequest, limit: parameter.Limit = parameter.DEFAULT_PAGE, cursor: parameter.Cursor = None
) -> Page[DecisionItem]:
    """What was decided about comments, on what ground, and what came of it; the latest first."""
    caller = await caller_of(request)
    after = None if cursor is None else decode_cursor(cursor, Place)
    found, following = await office_of(request).read(
        lambda conn: log_view.decisions(conn, caller.sight, limit=limit, after=after)
    )
    return Page(items=found, next=None if following is None else encode_cursor(following))


@get("/v1/events", guards=[requires("coordinator", "auditor")], summary="The log", tags=["records"])
async def list_events(
    request: ServiceRequest, after: parameter.After = 0, limit: parameter.Limit = parameter.DEFAULT_PAGE
) -> EventPage:
    """Everything that the service and people did, by number. Numbers are given after the commit and never skip a late
    one: whoever goes on from `next` misses nothing. A coordinator sees the events of cases in the own territory."""
    caller = await caller_of(request)
    found, last = await office_of(request).read(lambda conn: log_view.after(conn, after, caller.sight, limit=limit))
    return EventPage(items=found, next=last)


Top = Annotated[int, QueryParameter(ge=1, le=100, description="Institutions to list.")]


@get("/v1/stats", guards=[requires("coordinator", "auditor")], summary="Counts", tags=["records"])
async def read_stats(request: ServiceRequest, top: Top = 20) -> Stats:
    """How much of everything there is, of the whole region; at most a few seconds old."""
    return await office_of(request).stats(top)
