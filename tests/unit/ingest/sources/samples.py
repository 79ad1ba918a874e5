"""Sources that tests begin with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.ingest.sources.record import SourceRecord, names_of
from services.ingest.sources.source import Secrets
from services.ingest.sources.vault import Vault

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def record(id: str, vault: Vault, secrets: Secrets, **fields: Any) -> SourceRecord:
    """A record as the registry makes it."""
    usual: dict[str, Any] = {"platform": "vk", "page": "vk:-123", "way": "hook"}
    sealed = {"sealed": vault.seal(id, secrets), "secrets_set": names_of(secrets)}
    told = {"added_at": NOW, "added_by": "test", "changed_at": NOW, "changed_by": "test"}
    return SourceRecord(id=id, **(usual | sealed | told | fields))
