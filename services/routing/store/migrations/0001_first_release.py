"""The whole routing database as of the first release: registry, comments, cases, moderation, the log, the outbox.

Revision: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.db import UtcMoment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index on either database."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Makes every table, the guards of the log, and the rows that must always be there."""
    make_tables()
    guard_log()
    seed()


def make_tables() -> None:
    """Tables and indexes."""
    op.create_table(
        "comments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("post", sa.Text()),
        sa.Column("parent", sa.Text()),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("author", sa.Text()),
        sa.Column("author_kind", sa.Text()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("content_version", sa.BigInteger()),
        sa.Column("alive", sa.Boolean(), nullable=False),
        sa.Column("tag", sa.Text()),
        sa.Column("topic", sa.Text()),
        sa.Column("confidence", sa.Double()),
        sa.Column("unsure", sa.Boolean()),
        sa.Column("toxic", sa.Boolean()),
        sa.Column("urgent", sa.Boolean()),
        sa.Column("personal_data", sa.Boolean()),
        sa.Column("model", sa.Text()),
        sa.Column("received_at", UtcMoment()),
        sa.Column("posted_at", UtcMoment()),
        sa.Column("case_id", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("comments_by_case", "comments", ["case_id"], **where("case_id IS NOT NULL"))
    op.create_index("comments_by_time", "comments", ["received_at", "id"])
    op.create_index("comments_by_page", "comments", ["page", "received_at", "id"])
    op.create_index("comments_by_thread", "comments", ["thread", "author"])
    op.create_index("official_answers", "comments", ["parent"], **where("author_kind = 'page'"))
    op.create_table(
        "events",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger()),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text()),
        sa.Column("comment_id", sa.Text()),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcMoment(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("data", sa.Text()),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="events_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_case", "events", ["case_id", "seq"], **where("case_id IS NOT NULL"))
    op.create_index("events_numbered", "events", ["number"], unique=True, **where("number IS NOT NULL"))
    op.create_index("events_unnumbered", "events", ["seq"], **where("number IS NULL"))
    op.create_table(
        "idempotency_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("created_at", UtcMoment(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "key"),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["created_at"])
    op.create_table(
        "outbox",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("msg_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("made_at", UtcMoment(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "place_forms",
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("forms", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("of", "name"),
    )
    op.create_table(
        "registry_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="registry_version_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "relay",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("numbered", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("held_until", UtcMoment()),
        sa.CheckConstraint("id = 1", name="relay_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "territories",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text()),
        sa.Column("coordinator", sa.Text()),
        sa.ForeignKeyConstraint(["parent"], ["territories.id"], initially="DEFERRED", deferrable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("comment_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("opened_at", UtcMoment(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("touched", sa.Boolean(), nullable=False),
        sa.Column("bounces", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("answered_at", UtcMoment()),
        sa.Column("closed_at", UtcMoment()),
        sa.Column("reopened_at", UtcMoment()),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("lease_holder", sa.Text()),
        sa.Column("lease_token", sa.Integer()),
        sa.Column("lease_expires_at", UtcMoment()),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comments.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("comment_id", name="cases_one_per_comment"),
    )
    op.create_index("cases_by_institution", "cases", ["institution", "opened_at", "id"])
    op.create_index("cases_open", "cases", ["rank", "opened_at", "id"], **where("open"))
    op.create_index("cases_queue", "cases", ["institution", "rank", "opened_at", "id"], **where("open"))
    op.create_table(
        "comment_versions",
        sa.Column("comment_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("received_at", UtcMoment(), nullable=False),
        sa.Column("posted_at", UtcMoment()),
        sa.Column("text", sa.Text()),
        sa.Column("attachments", sa.Text()),
        sa.Column("tag", sa.Text()),
        sa.Column("scores", sa.Text()),
        sa.Column("confidence", sa.Double()),
        sa.Column("unsure", sa.Boolean()),
        sa.Column("topic", sa.Text()),
        sa.Column("topics", sa.Text()),
        sa.Column("flags", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.Column("correction", sa.Text()),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comments.id"],
        ),
        sa.PrimaryKeyConstraint("comment_id", "version"),
    )
    op.create_table(
        "institutions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text()),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["institutions.id"], initially="DEFERRED", deferrable=True),
        sa.ForeignKeyConstraint(["territory"], ["territories.id"], initially="DEFERRED", deferrable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "streets",
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["territory"], ["territories.id"], initially="DEFERRED", deferrable=True),
        sa.PrimaryKeyConstraint("territory", "name"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("comment_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("undecided", sa.Boolean(), nullable=False),
        sa.Column("opened_at", UtcMoment(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("skips", sa.Integer(), nullable=False),
        sa.Column("escalated", sa.Boolean(), nullable=False),
        sa.Column("decided_at", UtcMoment()),
        sa.Column("lease_holder", sa.Text()),
        sa.Column("lease_token", sa.Integer()),
        sa.Column("lease_expires_at", UtcMoment()),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comments.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tasks_by_comment", "tasks", ["comment_id", "version"])
    op.create_index("tasks_one_undecided", "tasks", ["comment_id"], unique=True, **where("undecided"))
    op.create_index("tasks_queue", "tasks", ["rank", "opened_at", "id"], **where("undecided"))
    op.create_table(
        "competences",
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institutions.id"], initially="DEFERRED", deferrable=True),
        sa.ForeignKeyConstraint(["territory"], ["territories.id"], initially="DEFERRED", deferrable=True),
        sa.PrimaryKeyConstraint("institution", "topic", "territory"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("comment_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text()),
        sa.Column("topic", sa.Text()),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", UtcMoment(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("settled_at", UtcMoment()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comments.id"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decisions_by_comment", "decisions", ["comment_id"])
    op.create_index("decisions_by_task", "decisions", ["task_id"])
    op.create_table(
        "pages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institutions.id"], initially="DEFERRED", deferrable=True),
        sa.ForeignKeyConstraint(["territory"], ["territories.id"], initially="DEFERRED", deferrable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "actions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("comment_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text()),
        sa.Column("decision_id", sa.Text()),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("ordered_at", UtcMoment(), nullable=False),
        sa.Column("not_after", UtcMoment(), nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column("settled_at", UtcMoment()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("link", sa.Text()),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comments.id"],
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decisions.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("actions_by_comment", "actions", ["comment_id"])


LOGGED = "seq, id, subject_kind, subject_id, case_id, comment_id, event, state, institution, actor, at, reason, data"


def guard_log() -> None:
    """The database itself refuses to rewrite what has been logged, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER events_never_deleted BEFORE DELETE ON events "
            "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
        )
        op.execute(
            f"CREATE TRIGGER events_never_changed BEFORE UPDATE OF {LOGGED} ON events "
            "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
        )
        op.execute(
            "CREATE TRIGGER events_numbered_once BEFORE UPDATE OF number ON events WHEN OLD.number IS NOT NULL "
            "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log only grows'; END $$"
    )
    op.execute(
        "CREATE TRIGGER events_never_deleted BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        "CREATE TRIGGER events_never_emptied BEFORE TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        f"CREATE TRIGGER events_never_changed BEFORE UPDATE OF {LOGGED} ON events "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        "CREATE TRIGGER events_numbered_once BEFORE UPDATE OF number ON events "
        "FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION refuse_rewriting()"
    )


def seed() -> None:
    """The root of both trees, to which falls whatever nobody else can answer for; and the counters at nothing."""
    op.execute(
        "INSERT INTO territories (id, kind, name, parent, coordinator) "
        "VALUES ('root', 'root', 'Вся территория', NULL, 'root')"
    )
    op.execute(
        "INSERT INTO institutions (id, name, short_name, kind, parent, territory) "
        "VALUES ('root', 'Координатор', 'Координатор', 'coordinator', NULL, 'root')"
    )
    op.execute("INSERT INTO registry_version (id, version) VALUES (1, 1)")
    op.execute("INSERT INTO relay (id, numbered, published) VALUES (1, 0, 0)")
