"""Comments: their versions, which are the truth, and their heads, which say what each of them is now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from services.routing.domain.comment import Content, Correction, Version, VersionKind
from services.routing.store.bulk import among, insert_new_rows
from services.routing.store.schema import comment_versions, comments
from shared.events import Attachment, AuthorKind, Flags, Tag, TopicScore


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment's head: who, where, and what its versions come to. `version` 0: referred to, but never came."""

    id: str
    platform: str
    page: str
    post: str | None = None
    parent: str | None = None
    thread: str
    author: str | None = None
    author_kind: AuthorKind | None = None
    version: int = 0
    """The highest version of any kind."""
    content_version: int | None = None
    """The highest version with content; None for a tombstone."""
    alive: bool = True
    tag: Tag | None = None
    """This and what follows are those of the content, after a moderator's correction."""
    topic: str | None = None
    confidence: float | None = None
    unsure: bool | None = None
    toxic: bool | None = None
    urgent: bool | None = None
    personal_data: bool | None = None
    model: str | None = None
    received_at: datetime | None = None
    """When its first version came in."""
    posted_at: datetime | None = None
    case_id: str | None = None
    """The case opened for it, or the case it was joined to."""


class CommentVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `comment_versions`: what a message said of a comment. What a deletion does not say is None."""

    comment_id: str
    version: int
    kind: VersionKind
    received_at: datetime
    posted_at: datetime | None = None
    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    tag: Tag | None = None
    scores: dict[Tag, float] = {}
    confidence: float | None = None
    unsure: bool | None = None
    topic: str | None = None
    topics: tuple[TopicScore, ...] = ()
    flags: Flags | None = None
    model: str | None = None
    trace: str = ""
    correction: Correction | None = None


HEAD = tuple(field.name for field in msgspec.structs.fields(Comment))
_HEAD = [comments.c[name] for name in HEAD]
_VERSION = tuple(field.name for field in msgspec.structs.fields(CommentVersion))


def heads(conn: Connection, ids: Collection[str], *, lock: bool = False) -> dict[str, Comment]:
    """The heads of those of `ids` that are known, by id; `lock` keeps others from changing them (by ascending id)."""
    if not ids:
        return {}
    query = select(*_HEAD).where(among(conn, comments.c.id, ids)).order_by(comments.c.id)
    return {row.id: _comment(row) for row in conn.execute(query.with_for_update(key_share=True) if lock else query)}


def joined_to(conn: Connection, case_ids: Collection[str]) -> list[Comment]:
    """The comments of these cases: the one each was opened for, and those that joined it; by id."""
    if not case_ids:
        return []
    query = select(*_HEAD).where(among(conn, comments.c.case_id, case_ids)).order_by(comments.c.id)
    return [_comment(row) for row in conn.execute(query)]


def official_answers(conn: Connection, parents: Collection[str]) -> list[Comment]:
    """What pages themselves wrote in reply to these comments, deleted or not; the earliest first."""
    if not parents:
        return []
    query = (
        select(*_HEAD)
        .where(among(conn, comments.c.parent, parents), comments.c.author_kind == "page")
        .order_by(comments.c.received_at, comments.c.id)
    )
    return [_comment(row) for row in conn.execute(query)]


def threads_among(conn: Connection, ids: Collection[str]) -> list[str]:
    """Those of `ids` that are the thread of some comment."""
    if not ids:
        return []
    return list(conn.execute(select(comments.c.thread).where(among(conn, comments.c.thread, ids)).distinct()).scalars())


def versions(conn: Connection, ids: Collection[str]) -> dict[str, list[CommentVersion]]:
    """Everything that was told about these comments, by comment, the oldest first."""
    found: dict[str, list[CommentVersion]] = {id: [] for id in ids}
    if ids:
        columns = comment_versions.c
        query = select(comment_versions).where(among(conn, columns.comment_id, ids)).order_by(columns.version)
        for row in conn.execute(query):
            found[row.comment_id].append(_told(row))
    return found


def texts(conn: Connection, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The texts of these versions (comment, version), those that have one."""
    pairs = set(wanted)
    if not pairs:
        return {}
    columns = comment_versions.c
    query = select(columns.comment_id, columns.version, columns.text).where(
        among(conn, columns.comment_id, {id for id, _ in pairs})
    )
    return {
        (row.comment_id, row.version): row.text
        for row in conn.execute(query)
        if row.text is not None and (row.comment_id, row.version) in pairs
    }


def version_of(told: CommentVersion, head: Comment) -> Version:
    """What the fold needs of a version. An erased text is empty, never None: the version still has content."""
    content = None
    if told.text is not None and told.tag is not None:
        content = Content(
            text=told.text,
            tag=told.tag,
            scores=told.scores,
            confidence=1.0 if told.confidence is None else told.confidence,
            unsure=bool(told.unsure),
            topic=told.topic or "other",
            flags=told.flags or Flags(),
            model=told.model or "",
            author=head.author,
            author_kind=head.author_kind or "person",
            parent=head.parent,
            correction=told.correction,
        )
    return Version(version=told.version, kind=told.kind, received_at=told.received_at, content=content)


def add(conn: Connection, new: Sequence[Comment]) -> bool:
    """Inserts new heads; False when another transaction has inserted one of them meanwhile: begin anew then."""
    rows = [msgspec.structs.astuple(comment) for comment in sorted(new, key=lambda comment: comment.id)]
    return insert_new_rows(conn, comments, HEAD, rows) == len(rows)


def add_versions(conn: Connection, new: Sequence[CommentVersion]) -> None:
    """Inserts versions; those that are there already stay as they are."""
    insert_new_rows(conn, comment_versions, _VERSION, [msgspec.structs.astuple(told) for told in new])


_change = (
    update(comments)
    .where(comments.c.id == bindparam("_id"))
    .values({name: bindparam(name) for name in HEAD if name != "id"})
)


def change(conn: Connection, changed: Sequence[Comment]) -> None:
    """Writes heads that exist already (and are locked)."""
    if changed:
        rows = [{**msgspec.structs.asdict(comment), "_id": comment.id} for comment in changed]
        conn.execute(_change, rows)


def move_threads(conn: Connection, moved: Collection[tuple[str, str]]) -> None:
    """For each (old, new): the comments of thread `old` now belong to thread `new`, for its first comment turned out
    to be a reply itself."""
    if moved:
        statement = update(comments).where(comments.c.thread == bindparam("old")).values(thread=bindparam("new"))
        conn.execute(statement, [{"old": old, "new": new} for old, new in sorted(moved)])


def correct(conn: Connection, id: str, version: int, correction: Correction) -> None:
    """Records a moderator's word on one version."""
    conn.execute(
        update(comment_versions)
        .where(comment_versions.c.comment_id == id, comment_versions.c.version == version)
        .values(correction=correction)
    )


def _comment(row: Row[Any]) -> Comment:
    return Comment(**dict(zip(HEAD, row, strict=True)))


def _told(row: Row[Any]) -> CommentVersion:
    fields = {name: row._mapping[name] for name in _VERSION}
    fields["attachments"] = msgspec.convert(fields["attachments"] or [], tuple[Attachment, ...])
    fields["topics"] = msgspec.convert(fields["topics"] or [], tuple[TopicScore, ...])
    fields["scores"] = fields["scores"] or {}
    fields["flags"] = msgspec.convert(fields["flags"], Flags | None)
    fields["correction"] = msgspec.convert(fields["correction"], Correction | None)
    return CommentVersion(**fields)
