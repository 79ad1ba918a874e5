"""A source as the bucket `sources` keeps it: everything but the credentials in the open, those sealed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from services.ingest.sources.source import OpenFields, Secrets, Source
from services.ingest.sources.vault import Vault
from shared.events.base import Moment
from shared.events.subject import token

BUCKET = "sources"
CLAIM = "page."
"""Keys of this stem hold the id of the source that a page belongs to; no source's id has a dot."""

By = Annotated[str, Meta(max_length=200)]
"""The id of the key that did it, or `command` and the user of the machine."""

SECRETS: tuple[str, ...] = Secrets.__struct_fields__


class SourceRecord(OpenFields, frozen=True, kw_only=True):
    """One value of the bucket, under the source's id. Only ever gains optional fields."""

    sealed: Annotated[str, Meta(max_length=64_000)]
    """The credentials, as `vault.Vault` seals them."""
    secrets_set: tuple[str, ...] = ()
    """Names of those that there are."""
    added_at: Moment
    added_by: By
    changed_at: Moment
    changed_by: By

    def source(self, vault: Vault) -> Source:
        """With its secrets open; raises SealBroken."""
        plain = {name: getattr(self, name) for name in OpenFields.__struct_fields__}
        return Source(**plain, secrets=vault.open(self.id, self.sealed), added_at=self.added_at)

    def __repr__(self) -> str:
        """Not even what is sealed."""
        return f"SourceRecord({self.id})"


_decoder = msgspec.json.Decoder(SourceRecord)


def read_record(id: str, raw: bytes) -> SourceRecord:
    """The record kept under `id`; raises ValueError that says what is wrong with it."""
    try:
        record = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("its record cannot be read: remove the source and add it again") from None
    if record.id != id:
        raise ValueError(f"its record is that of {record.id}: remove the source and add it again")
    return record


def names_of(secrets: Secrets) -> tuple[str, ...]:
    """Which secrets there are."""
    return tuple(name for name in SECRETS if getattr(secrets, name) is not None)


def claim_key(page: str) -> str:
    """Where the bucket says whose `page` is."""
    return CLAIM + token(page)
