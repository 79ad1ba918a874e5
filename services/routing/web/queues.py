"""`/v1/queues/{institution}`: what an institution has to answer, most urgent first."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from services.routing import casework
from services.routing.casework import LeasedCase
from services.routing.store.case_view import CaseItem
from services.routing.store.queue_view import ListedState, Place
from services.routing.web import parameter
from services.routing.web.office import caller_of, office_of
from services.routing.web.parameter import Body, IdempotencyKey
from services.routing.web.writing import perform
from shared.auth import requires
from shared.web import Page, ServiceRequest, decode_cursor, encode_cursor

StateFilter = Annotated[
    ListedState | None,
    QueryParameter(name="state", description="Only these; of those that are over, the latest first."),
]


class NextCase(Body, frozen=True, kw_only=True):
    """From which part of the queue, and for how long."""

    below: bool = False
    """Also from the queues of every institution below."""
    seconds: parameter.Seconds | None = None


class QueueController(Controller):
    """One institution's queue."""

    path = "/v1/queues/{institution:str}"
    tags = ("queues",)

    @get("/cases", guards=[requires("coordinator", "agent", "auditor")], summary="An institution's cases")
    async def cases(
        self,
        request: ServiceRequest,
        institution: FromPath[str],
        *,
        below: parameter.Below = False,
        state_filter: StateFilter = None,
        limit: parameter.Limit = parameter.DEFAULT_PAGE,
        cursor: parameter.Cursor = None,
    ) -> Page[CaseItem]:
        """The open cases, urgent ones first and then the oldest. A coordinator sees of a foreign institution's queue
        what lies in the own territory."""
        caller = await caller_of(request)
        after = None if cursor is None else decode_cursor(cursor, Place)
        found, following = await office_of(request).read(
            lambda conn: casework.queue(
                conn, caller, institution, below=below, state=state_filter, limit=limit, after=after
            )
        )
        return Page(items=found, next=None if following is None else encode_cursor(following))

    @post("/lease", guards=[requires("coordinator", "agent")], status_code=HTTPStatus.OK, summary="Lease the next case")
    async def take_next(
        self,
        request: ServiceRequest,
        institution: FromPath[str],
        data: JSONBody[NextCase | None] = None,
        key: IdempotencyKey = None,
    ) -> Response[LeasedCase]:
        """Takes the most urgent open case that nobody holds; `case` is null when there is none. Two who ask at once
        get two different cases."""
        caller, office = await caller_of(request), office_of(request)
        wish = data or NextCase()
        work = partial(
            casework.take_next,
            caller=caller,
            institution=institution,
            below=wish.below,
            seconds=wish.seconds or office.lease_seconds,
        )
        return await perform(request, key, work)
