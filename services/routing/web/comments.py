"""`GET /v1/comments/{id}`: how a comment was judged and what became of it."""

from __future__ import annotations

import re
from urllib.parse import unquote

from litestar import get
from litestar.params import FromPath

from services.routing.caller import Caller
from services.routing.store import comment_view
from services.routing.store.comment_view import CommentStanding, Located
from services.routing.web.office import caller_of, office_of
from shared.auth import requires
from shared.errors import NotFound
from shared.events.base import ID_PATTERN
from shared.web import ServiceRequest

PREFIX = "/v1/comments/"
_ID = re.compile(ID_PATTERN)


@get(
    PREFIX + "{comment_id:path}",
    guards=[requires("coordinator", "moderator", "agent", "auditor")],
    summary="A comment",
    tags=["comments"],
)
async def read_comment(request: ServiceRequest, comment_id: FromPath[str]) -> CommentStanding:
    """Tag, topic and case of a comment. 404 until it was tagged, and for a comment whose deletion alone is known.

    The id may be sent as it is or percent-encoded. An agent sees only comments whose case is at the own institution
    or below; a coordinator, and a moderator with a territory, only those of pages or cases in it.
    """
    wanted, caller = _id_of(request, comment_id), await caller_of(request)
    if not _ID.fullmatch(wanted):
        raise _unknown()
    found = await office_of(request).read(lambda conn: comment_view.standing(conn, wanted))
    if found is None or not _seen(found, caller):
        raise _unknown()
    return found.standing


def _seen(found: Located, caller: Caller) -> bool:
    if caller.sight.covers(found.institution, found.territory):
        return True
    page = caller.registry.page(found.page)
    # An agent's sight is of cases: what was said on the page and makes no case is the moderators' matter.
    return (
        page is not None and caller.principal.role != "agent" and caller.sight.covers(page.institution, page.territory)
    )


def _id_of(request: ServiceRequest, routed: str) -> str:
    """The id as it was sent: the router's own reading folds `//` and drops a slash at the end, an id may have both."""
    raw = request.scope.get("raw_path") or b""
    path = raw.partition(b"?")[0].decode("ascii", "replace")
    return unquote(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else routed.removeprefix("/")


def _unknown() -> NotFound:
    return NotFound("no such comment, none that was tagged yet, or none that this key may see")
