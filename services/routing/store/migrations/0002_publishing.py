"""Cases remember which action publishes their answer.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the column; cases answered before have none."""
    op.add_column("cases", sa.Column("reply", sa.Text))
