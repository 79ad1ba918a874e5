"""What comments looked like, in hashes: how the classifier's replicas count repetitions together."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.events.base import BaseEvent

MAX_RECORDS_BYTES = 256 * 1024
"""A third more in JSON, which a stream's message still holds."""


class Fingerprints(BaseEvent, frozen=True, kw_only=True, tag="comment.fingerprints"):
    """Comments that one replica judged lately. Holds no text, no page and no author, and nothing to find them by."""

    scheme: Annotated[str, Meta(min_length=1, max_length=20)]
    """How the records were made; records of different schemes cannot be compared, and a reader ignores those it does
    not know."""
    replica: Annotated[str, Meta(max_length=40)] = ""
    """The process that wrote it, which need not read it."""
    records: Annotated[bytes, Meta(max_length=MAX_RECORDS_BYTES)]
    """Records of equal length, as the scheme lays them out."""
