"""Which comments were found under a post, so that one that vanished is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "ingest0003"
down_revision = "ingest0002"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "known_comments",
        sa.Column("page", sa.Text, primary_key=True),
        sa.Column("post", sa.Text, primary_key=True),
        sa.Column("comment", sa.Text, primary_key=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_known_comments_found_at", "known_comments", ["found_at"])
