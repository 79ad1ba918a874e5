"""What platforms need: events seen, cursors, Telegram's map of posts, the journal of actions."""

import sqlalchemy as sa
from alembic import op

revision = "ingest0002"
down_revision = "ingest0001"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "seen_events",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("seen_at", _MOMENT, nullable=False),
    )
    op.create_index("ix_seen_events_seen_at", "seen_events", ["seen_at"])
    op.create_table(
        "cursors",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("moved_at", _MOMENT, nullable=False),
    )
    op.create_table(
        "post_copies",
        sa.Column("group_id", sa.Text, primary_key=True),
        sa.Column("copy_id", sa.Text, primary_key=True),
        sa.Column("channel_id", sa.Text, nullable=False),
        sa.Column("post_id", sa.Text, nullable=False),
    )
    op.create_table(
        "action_journal",
        sa.Column("action", sa.Text, primary_key=True),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("page", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("text_digest", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.Column("begun_at", _MOMENT),
        sa.Column("free_at", _MOMENT),
        sa.Column("settled_at", _MOMENT),
        sa.Column("made", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
    )
    op.create_index("ix_action_journal_page", "action_journal", ["page", "begun_at"])
    op.create_index("ix_action_journal_made", "action_journal", ["made"])
    op.create_index("ix_action_journal_recorded_at", "action_journal", ["recorded_at"])
    op.create_table(
        "action_pages",
        sa.Column("page", sa.Text, primary_key=True),
        sa.Column("free_at", _MOMENT, nullable=False),
        sa.Column("action", sa.Text),
        sa.Column("held_until", _MOMENT),
    )
    op.create_table(
        "cancelled_actions",
        sa.Column("action", sa.Text, primary_key=True),
        sa.Column("cancelled_at", _MOMENT, nullable=False),
    )
    op.create_index("ix_cancelled_actions_cancelled_at", "cancelled_actions", ["cancelled_at"])
