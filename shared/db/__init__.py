"""One database per service: SQLite beside the process, or PostgreSQL; the same code and promises on both."""

from shared.db.database import Database
from shared.db.migration import migrate
from shared.db.moment import UtcMoment
from shared.db.upsert import insert

__all__ = ["Database", "UtcMoment", "insert", "migrate"]
