"""Messages as the broker delivers them, and the state that they leave behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select

from services.routing.store.schema import cases, comments, events, outbox, tasks
from services.routing.worker import Worker
from shared.bus import Delivered
from shared.db import Database
from shared.events import (
    AuthorKind,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    CommentRestored,
    Event,
    Flags,
    Tag,
    Tagged,
    subject_of,
)

PAGE = "vk:-990001"
"""A page of the sample region's coordinator."""
BEGIN = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)


def at(version: int) -> datetime:
    """When the message with this version came in."""
    return BEGIN + timedelta(minutes=version)


def tagged(
    version: int,
    *,
    id: str = "vk:c:1",
    kind: str = "created",
    tag: Tag = "complaint",
    topic: str = "heating",
    text: str = "Третий день нет отопления",
    author: str | None = "a1",
    author_kind: AuthorKind = "person",
    parent: str | None = None,
    page: str = PAGE,
    post: str = "vk:p:1",
    unsure: bool = False,
    flags: Flags = Flags(),  # noqa: B008 - frozen
) -> Delivered:
    """A judged version."""
    what = CommentCreated if kind == "created" else CommentEdited
    comment = what(
        id=id,
        platform="vk",
        page=page,
        post=post,
        parent=parent,
        author=author,
        author_kind=author_kind,
        text=text,
        received_at=at(version),
        posted_at=BEGIN,
    )
    event = Tagged(
        comment=comment,
        version=version,
        tag=tag,
        scores={tag: 0.9},
        confidence=0.9,
        unsure=unsure,
        topic=topic,
        flags=flags,
        model="test-1",
        trace=f"trace-{version}",
    )
    return delivered(event, version)


def official(version: int, *, id: str, parent: str) -> Delivered:
    """What the page itself wrote in reply to a comment."""
    return tagged(version, id=id, parent=parent, author=None, author_kind="page", tag="other", text="Передали в работу")


def deleted(version: int, *, id: str = "vk:c:1", page: str = PAGE) -> Delivered:
    """The comment vanished."""
    return delivered(CommentDeleted(id=id, platform="vk", page=page, received_at=at(version)), version)


def restored(version: int, *, id: str = "vk:c:1", page: str = PAGE) -> Delivered:
    """The comment came back."""
    return delivered(CommentRestored(id=id, platform="vk", page=page, received_at=at(version)), version)


def delivered(event: Event, sequence: int) -> Delivered:
    """The event as a consumer hands it on."""
    return Delivered(event=event, subject=subject_of(event), sequence=sequence, deliveries=1, stored_at=BEGIN)


async def tell(worker: Worker, *messages: Delivered) -> None:
    """Hands messages over in this order, each run of one kind as one batch."""
    batch: list[Delivered] = []
    for index, message in enumerate(messages):
        batch.append(message)
        judged = isinstance(message.event, Tagged)
        after = messages[index + 1 : index + 2]
        if not after or isinstance(after[0].event, Tagged) is not judged:
            await (worker.handle_tagged(batch) if judged else worker.handle_life(batch))
            batch = []


async def table(database: Database, of: Table) -> list[dict[str, Any]]:
    """All rows of a table, by its key."""

    def work(conn: Connection) -> list[dict[str, Any]]:
        return [dict(row._mapping) for row in conn.execute(select(of).order_by(*of.primary_key))]

    return await database.read(work)


async def the_case(database: Database) -> dict[str, Any]:
    """The only case there is."""
    (found,) = await table(database, cases)
    return found


async def told(database: Database) -> list[str]:
    """The log without the registry's import, as `subject:event`, in the order in which it was written."""
    rows = [row for row in await table(database, events) if row["subject_kind"] != "registry"]
    return [f"{row['subject_kind']}:{row['event']}" for row in rows]


async def waiting(database: Database) -> list[dict[str, Any]]:
    """The outbox."""
    return await table(database, outbox)


async def standing(database: Database, prefix: str = "") -> dict[str, Any]:
    """What must be the same whatever the order of the messages: of comments whose id begins with `prefix`."""

    def of(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
        return [row for row in rows if row[key].startswith(prefix)]

    heads = of(await table(database, comments), "id")
    opened = of(await table(database, cases), "comment_id")
    work = of(await table(database, tasks), "comment_id")
    owners = {row["id"]: row["comment_id"] for row in opened}
    return {
        "comments": [{**row, "case_id": owners.get(row["case_id"])} for row in heads if row["version"]],
        "cases": sorted(
            (
                row["comment_id"],
                row["version"],
                row["tag"],
                row["topic"],
                row["rank"],
                row["state"],
                row["opened_at"],
                # A case that was answered already is not moved by an edit that becomes known later.
                row["institution"] if row["state"] != "answered" else None,
            )
            for row in opened
        ),
        "tasks": sorted((row["comment_id"], row["version"], row["reasons"]) for row in work if row["undecided"]),
    }
