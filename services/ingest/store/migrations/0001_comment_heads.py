"""Comments' heads."""

import sqlalchemy as sa
from alembic import op

revision = "ingest0001"
down_revision = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "comment_heads",
        sa.Column("comment_id", sa.Text, primary_key=True),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_comment_heads_seen_at", "comment_heads", ["seen_at"])
