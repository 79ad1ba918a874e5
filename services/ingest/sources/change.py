"""What somebody wants a source to be, and the record that comes of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from services.ingest.sources.record import SECRETS, SourceRecord, names_of
from services.ingest.sources.requirements import (
    Wrong,
    missing_secrets,
    refuse,
    wrong_group,
    wrong_limits,
    wrong_secrets,
    wrong_source,
)
from services.ingest.sources.source import Secrets
from services.ingest.sources.vault import SealBroken, Vault


class NewSource(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to add, not yet checked."""

    id: str
    platform: str
    page: str
    way: str
    group: str | None = None
    acting: bool = False
    pace_seconds: float = 3.0
    daily_ceiling: int = 200
    secrets: Secrets = Secrets()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What shall become other; UNSET stays as it is, a secret of None is taken away."""

    active: bool | UnsetType = UNSET
    acting: bool | UnsetType = UNSET
    group: str | UnsetType | None = UNSET
    pace_seconds: float | UnsetType = UNSET
    daily_ceiling: int | UnsetType = UNSET
    secrets: dict[str, str | None] = {}
    new_hook_secret: bool = False

    def __repr__(self) -> str:
        """Names no value."""
        return "Change(…)"


def new_record(
    new: NewSource, vault: Vault, new_secret: Callable[[], str], now: datetime, by: str
) -> tuple[SourceRecord, str | None]:
    """The record, and the hook's secret where the platform calls us; raises Invalid that names all that is wrong."""
    limits = wrong_limits(new.pace_seconds, new.daily_ceiling)
    wrong = wrong_source(
        id=new.id, platform=new.platform, page=new.page, way=new.way, group=new.group, given=new.secrets
    )
    refuse([*wrong, *limits])
    secrets = msgspec.structs.replace(new.secrets, hook_secret=new_secret() if new.way == "hook" else None)
    fields = {
        name: getattr(new, name)
        for name in ("id", "platform", "page", "way", "group", "acting", "pace_seconds", "daily_ceiling")
    }
    fields |= {"sealed": vault.seal(new.id, secrets), "secrets_set": names_of(secrets)}
    fields |= {"added_at": now, "added_by": by, "changed_at": now, "changed_by": by}
    return msgspec.convert(fields, SourceRecord), secrets.hook_secret


def changed(
    record: SourceRecord,
    change: Change,
    *,
    vault: Callable[[], Vault],
    new_secret: Callable[[], str],
    now: datetime,
    by: str,
) -> tuple[SourceRecord, str | None]:
    """The record after the change, and the hook's secret where it is a new one; raises Invalid, and what `vault`
    raises where secrets change and there is none."""
    fields: dict[str, Any] = {
        name: value
        for name in ("active", "acting", "group", "pace_seconds", "daily_ceiling")
        if (value := getattr(change, name)) is not UNSET
    }
    limits = wrong_limits(fields.get("pace_seconds"), fields.get("daily_ceiling"))
    refuse([*limits, *wrong_group(record.platform, fields.get("group"))])
    made: str | None = None
    if change.secrets or change.new_hook_secret:
        opened = vault()
        secrets, made = _new_secrets(record, change, opened, new_secret)
        fields |= {"sealed": opened.seal(record.id, secrets), "secrets_set": names_of(secrets)}
    return msgspec.structs.replace(record, **fields, changed_at=now, changed_by=by), made


def _new_secrets(
    record: SourceRecord, change: Change, vault: Vault, new_secret: Callable[[], str]
) -> tuple[Secrets, str | None]:
    unknown = [name for name in change.secrets if name not in SECRETS or name == "hook_secret"]
    refuse([Wrong(path=f"secrets.{name[:40]}", message="there is no such secret to give") for name in unknown])
    given = msgspec.convert({name: value for name, value in change.secrets.items() if value is not None}, Secrets)
    refuse(list(wrong_secrets(record.platform, given)))
    if change.new_hook_secret and record.way != "hook":
        refuse([Wrong(path="new_hook_secret", message="this source is polled and has no hook")])
    renew = change.new_hook_secret
    try:
        old = vault.open(record.id, record.sealed)
    except SealBroken:
        # Whoever gives all of them anew needs none of the old ones.
        old, renew = Secrets(), record.way == "hook"
    made = new_secret() if renew else None
    secrets = msgspec.structs.replace(old, **change.secrets)
    if made is not None:
        secrets = msgspec.structs.replace(secrets, hook_secret=made)
    refuse(list(missing_secrets(record.platform, record.way, secrets)))
    return secrets, made
