"""The tables; the migrations make them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text

from shared.db import UtcMoment

metadata = MetaData()

comment_heads = Table(
    "comment_heads",
    metadata,
    Column("comment_id", Text, primary_key=True),
    Column("chain", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("seen_at", UtcMoment, nullable=False, index=True),
)

seen_events = Table(
    "seen_events",
    metadata,
    Column("key", Text, primary_key=True),
    Column("seen_at", UtcMoment, nullable=False, index=True),
)
"""Platforms' events that were made durable, by `<platform>:<Received.key>`."""

cursors = Table(
    "cursors",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("moved_at", UtcMoment, nullable=False),
)
"""How far a source was read: kind `poll` or `backfill`."""

post_copies = Table(
    "post_copies",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("copy_id", Text, primary_key=True),
    Column("channel_id", Text, nullable=False),
    Column("post_id", Text, nullable=False),
)
"""Telegram: which post of which channel a message of a group is the automatic copy of."""

known_comments = Table(
    "known_comments",
    metadata,
    Column("page", Text, primary_key=True),
    Column("post", Text, primary_key=True),
    Column("comment", Text, primary_key=True),
    Column("found_at", UtcMoment, nullable=False, index=True),
)
"""Comments under posts of platforms that tell of no deletion: what is not found there any more was deleted."""

action_journal = Table(
    "action_journal",
    metadata,
    Column("action", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("page", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("text_digest", LargeBinary),
    Column("state", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("recorded_at", UtcMoment, nullable=False),
    Column("begun_at", UtcMoment),
    Column("free_at", UtcMoment),
    Column("settled_at", UtcMoment),
    Column("made", Text),
    Column("detail", Text, nullable=False),
    Column("link", Text),
    Index("ix_action_journal_page", "page", "begun_at"),
    Index("ix_action_journal_made", "made"),
    Index("ix_action_journal_recorded_at", "recorded_at"),
)
"""Every action that was begun or settled: `services.ingest.actions.entry.Entry` says what the columns mean."""

action_pages = Table(
    "action_pages",
    metadata,
    Column("page", Text, primary_key=True),
    Column("free_at", UtcMoment, nullable=False),
    Column("action", Text),
    Column("held_until", UtcMoment),
)
"""Whose turn it is on a page: nothing begins before `free_at`, nor while `action` may be in its call."""

cancelled_actions = Table(
    "cancelled_actions",
    metadata,
    Column("action", Text, primary_key=True),
    Column("cancelled_at", UtcMoment, nullable=False, index=True),
)
"""What must not be begun any more; the word may come before the action itself."""
