"""Where a command reaches the platforms: where the ingest does that works at the same broker."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from services.ingest.connectors.failure import NotSent, PlatformError
from services.ingest.settings import PlatformSettings
from shared.bus.address import local_url
from shared.events import Platform
from shared.settings import SettingsError, load_settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
BROKER_PORT = 4222
"""Where a broker's address names none."""


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """`own` is what this command goes by, `ingest` what ingest does."""

    own: PlatformSettings
    ingest: PlatformSettings

    def telling(self, platform: Platform, error: PlatformError | None) -> bool:
        """Whether what a test saw from here tells how the source does: ingest asks the same address, and it answered.
        A platform that this machine alone cannot reach is no failure of the source."""
        field = f"{platform}_url"
        return getattr(self.own, field) == getattr(self.ingest, field) and not isinstance(error, NotSent)


def whereabouts(broker: str) -> Whereabouts:
    """By the variables that are set, and for the rest by what `make run` wrote, where `broker` is its broker.

    Without `make run`, ingest is taken to have this command's environment. Raises ClickException for what cannot be
    read: a guess would send credentials to real platforms while test doubles stand in for them.
    """
    written = _written() if _is_local(broker) else None
    given = dict(os.environ)
    try:
        if written is None:
            own = load_settings(PlatformSettings, given)
            return Whereabouts(own=own, ingest=own)
        free = {name: value for name, value in written.items() if name + "_FILE" not in given}
        return Whereabouts(
            own=load_settings(PlatformSettings, free | given), ingest=load_settings(PlatformSettings, written)
        )
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def _written() -> dict[str, str]:
    path = Path(os.environ.get("OTKLIK_DATA_DIR", ".data")) / "platforms.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise click.ClickException(
            f"cannot read {path}, where `make run` says how it reaches the platforms: start it anew"
        ) from error


def _is_local(broker: str) -> bool:
    """Whether the broker is the one of `make run`, however its address is spelt."""
    local = local_url()
    return local is not None and _place(local) in map(_place, broker.split(","))


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    host = parts.hostname or ""
    return LOOPBACK[0] if host in LOOPBACK else host, parts.port or BROKER_PORT
