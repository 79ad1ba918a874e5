"""Telegram: comments are messages in the discussion group of a channel (Bot API 10.1)."""

from services.ingest.connectors.telegram.connector import Telegram
from services.ingest.connectors.telegram.decoding import decode

__all__ = ["Telegram", "decode"]
