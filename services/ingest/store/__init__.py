"""Ingest's own small database: what was taken in during the last 30 days, how far sources were read, what was done."""

from pathlib import Path

from services.ingest.store.copies import StoredCopies
from services.ingest.store.cursors import StoredCursors
from services.ingest.store.heads import StoredHeads
from services.ingest.store.journal import StoredJournal
from services.ingest.store.known import StoredKnown
from services.ingest.store.seen import StoredSeen
from shared.db import Database

MIGRATIONS = Path(__file__).parent / "migrations"

__all__ = [
    "MIGRATIONS",
    "StoredCopies",
    "StoredCursors",
    "StoredHeads",
    "StoredJournal",
    "StoredKnown",
    "StoredSeen",
    "Stores",
]


class Stores:
    """All of them over one database."""

    def __init__(self, database: Database) -> None:
        self.heads = StoredHeads(database)
        self.seen = StoredSeen(database)
        self.cursors = StoredCursors(database)
        self.copies = StoredCopies(database)
        self.known = StoredKnown(database)
        self.journal = StoredJournal(database)
