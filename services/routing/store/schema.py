"""The tables of the routing database as the queries see them; the migrations make them, and a test compares the two.

The truth is `comment_versions`, which says what the platforms and the classifier told, and `events`, which says what
the machine and people did: both only grow. Comments, cases, tasks and decisions are projections of them.

Whoever locks rows takes them in this order, those of one table by ascending id: comments, cases, tasks, decisions.
Comments, cases and tasks are never deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from services.routing.store.column import Json
from shared.db import UtcMoment

metadata = MetaData()

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database hands out; SQLite does so for the type INTEGER alone."""


def _refers(target: str) -> ForeignKey:
    """A reference that is checked at commit, so that an import may bring rows in any order."""
    return ForeignKey(target, deferrable=True, initially="DEFERRED")


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    # SQLite uses such an index only for a query that spells the condition in the same way.
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


# The registry ----------------------------------------------------------------------------------------------------

registry_version = Table(
    "registry_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="registry_version_one_row"),
)
"""One row; rises with every change of the registry, so that workers know when to load it again."""

territories = Table(
    "territories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent", Text, _refers("territories.id")),
    # No reference: institutions refer to territories already, and a circle of references cannot be created in order.
    Column("coordinator", Text),
)

streets = Table(
    "streets",
    metadata,
    Column("territory", Text, _refers("territories.id"), nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("territory", "name"),
)

institutions = Table(
    "institutions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("short_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("parent", Text, _refers("institutions.id")),
    Column("territory", Text, _refers("territories.id"), nullable=False),
)

pages = Table(
    "pages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("institution", Text, _refers("institutions.id"), nullable=False),
    Column("territory", Text, _refers("territories.id"), nullable=False),
    Column("name", Text, nullable=False),
)

competences = Table(
    "competences",
    metadata,
    Column("institution", Text, _refers("institutions.id"), nullable=False),
    Column("topic", Text, nullable=False),
    Column("territory", Text, _refers("territories.id"), nullable=False),
    Column("rank", Integer, nullable=False),
    PrimaryKeyConstraint("institution", "topic", "territory"),
)

place_forms = Table(
    "place_forms",
    metadata,
    Column("of", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("forms", Json, nullable=False),
    PrimaryKeyConstraint("of", "name"),
)
"""The words by which a name is recognised in a text, worked out once, at import: a list of [words, care]."""

# Comments --------------------------------------------------------------------------------------------------------

comments = Table(
    "comments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("page", Text, nullable=False),
    Column("post", Text),
    Column("parent", Text),
    Column("thread", Text, nullable=False),
    Column("author", Text),
    Column("author_kind", Text),
    Column("version", BigInteger, nullable=False),
    Column("content_version", BigInteger),
    Column("alive", Boolean, nullable=False),
    Column("tag", Text),
    Column("topic", Text),
    Column("confidence", Double),
    Column("unsure", Boolean),
    Column("toxic", Boolean),
    Column("urgent", Boolean),
    Column("personal_data", Boolean),
    Column("model", Text),
    Column("received_at", UtcMoment),
    Column("posted_at", UtcMoment),
    Column("case_id", Text),
    Index("comments_by_time", "received_at", "id"),
    Index("comments_by_page", "page", "received_at", "id"),
    Index("comments_by_thread", "thread", "author"),
    _partial("comments_by_case", "case_id", where="case_id IS NOT NULL"),
    _partial("official_answers", "parent", where="author_kind = 'page'"),
)
"""What each comment is now. `version` 0 marks a comment that others refer to and that itself never came."""

comment_versions = Table(
    "comment_versions",
    metadata,
    Column("comment_id", Text, ForeignKey("comments.id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("received_at", UtcMoment, nullable=False),
    Column("posted_at", UtcMoment),
    Column("text", Text),
    Column("attachments", Json),
    Column("tag", Text),
    Column("scores", Json),
    Column("confidence", Double),
    Column("unsure", Boolean),
    Column("topic", Text),
    Column("topics", Json),
    Column("flags", Json),
    Column("model", Text),
    Column("trace", Text, nullable=False),
    Column("correction", Json),
    PrimaryKeyConstraint("comment_id", "version"),
)
"""Everything that was told about a comment; the key is what makes handling a message twice harmless.

`correction` is a moderator's word on this version. The text of a comment is kept here and nowhere else."""

# Cases, tasks, decisions -----------------------------------------------------------------------------------------

cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("comment_id", Text, ForeignKey("comments.id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("institution", Text, nullable=False),
    Column("territory", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("opened_at", UtcMoment, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("touched", Boolean, nullable=False),
    Column("bounces", Integer, nullable=False),
    Column("answer", Text),
    Column("reply", Text),
    Column("outcome", Text),
    Column("answered_at", UtcMoment),
    Column("closed_at", UtcMoment),
    Column("reopened_at", UtcMoment),
    Column("route", Json, nullable=False),
    Column("lease_holder", Text),
    Column("lease_token", Integer),
    Column("lease_expires_at", UtcMoment),
    UniqueConstraint("comment_id", name="cases_one_per_comment"),
    _partial("cases_queue", "institution", "rank", "opened_at", "id", where="open"),
    _partial("cases_open", "rank", "opened_at", "id", where="open"),
    Index("cases_by_institution", "institution", "opened_at", "id"),
)
"""`rank` is 0 for an urgent case and 1 for any other, so that a queue is one ascending walk over its index."""

tasks = Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("comment_id", Text, ForeignKey("comments.id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("page", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("territory", Text, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("undecided", Boolean, nullable=False),
    Column("opened_at", UtcMoment, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("skips", Integer, nullable=False),
    Column("escalated", Boolean, nullable=False),
    Column("decided_at", UtcMoment),
    Column("lease_holder", Text),
    Column("lease_token", Integer),
    Column("lease_expires_at", UtcMoment),
    _partial("tasks_one_undecided", "comment_id", where="undecided", unique=True),
    _partial("tasks_queue", "rank", "opened_at", "id", where="undecided"),
    Index("tasks_by_comment", "comment_id", "version"),
)
"""`institution` and `territory` are the page's, as the registry had them when the task was opened."""

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    Column("comment_id", Text, ForeignKey("comments.id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ground", Text, nullable=False),
    Column("tag", Text),
    Column("topic", Text),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", UtcMoment, nullable=False),
    Column("state", Text, nullable=False),
    Column("settled_at", UtcMoment),
    Column("detail", Text, nullable=False),
    Index("decisions_by_comment", "comment_id"),
    Index("decisions_by_task", "task_id"),
)

actions = Table(
    "actions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("comment_id", Text, ForeignKey("comments.id"), nullable=False),
    Column("case_id", Text, ForeignKey("cases.id")),
    Column("decision_id", Text, ForeignKey("decisions.id")),
    Column("ordered_by", Text, nullable=False),
    Column("ordered_at", UtcMoment, nullable=False),
    Column("not_after", UtcMoment, nullable=False),
    Column("result", Text),
    Column("settled_at", UtcMoment),
    Column("detail", Text, nullable=False),
    Column("link", Text),
    Index("actions_by_comment", "comment_id"),
)
"""What was ordered to be done on a platform, and the last that was heard of it."""

# The log and what leaves the service -----------------------------------------------------------------------------

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("number", BigInteger),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("case_id", Text),
    Column("comment_id", Text),
    Column("event", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("institution", Text),
    Column("actor", Text, nullable=False),
    Column("at", UtcMoment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("data", Json),
    UniqueConstraint("id", name="events_id"),
    _partial("events_numbered", "number", where="number IS NOT NULL", unique=True),
    _partial("events_unnumbered", "seq", where="number IS NULL"),
    _partial("events_by_case", "case_id", "seq", where="case_id IS NOT NULL"),
    sqlite_autoincrement=True,
)
"""The append-only log. `seq` follows the order in which the events of one subject were written; `number` is given
after the commit, without gaps, so that whoever reads up to a number never misses one that commits late.

Triggers refuse every deletion and every change but the first giving of a number."""

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("msg_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("made_at", UtcMoment, nullable=False),
    sqlite_autoincrement=True,
)
"""Encoded events on their way to the broker; CASES needs none of it, it is published from the log itself."""

relay = Table(
    "relay",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("numbered", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("holder", Text),
    Column("held_until", UtcMoment),
    CheckConstraint("id = 1", name="relay_one_row"),
)
"""One row: the last number given, the last number published to CASES, and which process relays, until when."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("status", Integer),
    Column("headers", Json),
    Column("body", LargeBinary),
    Column("created_at", UtcMoment, nullable=False),
    PrimaryKeyConstraint("key_id", "key"),
    Index("idempotency_keys_by_age", "created_at"),
)
"""The answers to writes, by the key of the client and the key it sent; `request` is a hash of what it asked."""
