"""Ingest's own small database: what was taken in during the last 30 days."""

from pathlib import Path

from services.ingest.store.heads import StoredHeads

MIGRATIONS = Path(__file__).parent / "migrations"

__all__ = ["MIGRATIONS", "StoredHeads"]
