"""MAX: comments under a channel's posts, each an object of its own beside messages."""

from services.ingest.connectors.max.connector import Max
from services.ingest.connectors.max.decoding import decode

__all__ = ["Max", "decode"]
