"""What acting needs to know of sources."""

from __future__ import annotations

from typing import Protocol

from services.ingest.sources.source import Source


class Sources(Protocol):
    """The sources as they are now."""

    def of_page(self, page: str) -> Source | None:
        """The page's source with its secrets open, paused or not; None where there is none."""

    async def moved(self, source: Source, group: str) -> None:
        """Telegram: the source's group has this id from now on. May raise Transient or Unavailable."""


class NoSources:
    """No page has one: every action goes to a person."""
