"""Everything routing keeps: tables, and one module of queries for each noun. Work functions take a Connection."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
"""Where `shared.db.migrate` finds the revisions of this database."""
