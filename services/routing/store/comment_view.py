"""A comment as the service stands to it now: how it was judged, and what became of it."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from services.routing.domain.route import Route
from services.routing.store import schema
from shared.events import Flags

_cases, _comments, _versions = schema.cases, schema.comments, schema.comment_versions


class CommentStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The tag after a moderator's correction; `scores` and `model` are the machine's."""

    id: str
    tag: str
    scores: dict[str, float]
    topic: str
    flags: Flags
    model: str
    case_id: str | None
    """The case opened for it, or the one it follows up; null, like all about a case, when it makes none."""
    institution: str | None
    state: str | None
    why: Route | None
    """The route: institution, what decided, the place found, and the candidates that lost."""
    unsure: bool


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A standing, and where it belongs: what decides who may read it."""

    standing: CommentStanding
    page: str
    institution: str | None
    territory: str | None
    """Of its case."""


def standing(conn: Connection, comment_id: str) -> Located | None:
    """The standing of one comment; None until it was tagged, also when only its deletion is known."""
    words = (_versions.c.comment_id == _comments.c.id) & (_versions.c.version == _comments.c.content_version)
    row = conn.execute(
        select(
            _comments,
            _versions.c.scores,
            _cases.c.id.label("case"),
            _cases.c.institution,
            _cases.c.territory,
            _cases.c.state,
            _cases.c.route,
        )
        .join(_versions, words)
        .outerjoin(_cases, _cases.c.id == _comments.c.case_id)
        .where(_comments.c.id == comment_id)
    ).one_or_none()
    if row is None or row.tag is None:
        return None
    found = CommentStanding(
        id=row.id,
        tag=row.tag,
        scores=row.scores or {},
        topic=row.topic or "other",
        flags=Flags(toxic=bool(row.toxic), urgent=bool(row.urgent), personal_data=bool(row.personal_data)),
        model=row.model or "",
        case_id=row.case,
        institution=row.institution,
        state=row.state,
        why=None if row.route is None else msgspec.convert(row.route, Route),
        unsure=bool(row.unsure),
    )
    return Located(standing=found, page=row.page, institution=row.institution, territory=row.territory)
