"""The tables; the migrations make them."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, MetaData, Table, Text

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
    Column("begun_at", UtcMoment, nullable=False),
    Column("settled_at", UtcMoment),
    Column("made", Text),
    Column("detail", Text, nullable=False),
    Column("link", Text),
    Index("ix_action_journal_page", "page", "begun_at"),
    Index("ix_action_journal_made", "made"),
)
"""Every action that was begun: state `begun`, then `done`, `failed` or `needs_person`. `made` is the comment that a
reply became, `text_digest` 16 bytes over a reply's words: by these an echo of ours is recognised when it comes in."""
