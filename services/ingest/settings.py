"""What an operator sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from services.ingest.connectors.max import api as max_
from services.ingest.connectors.ok import calls as ok
from services.ingest.connectors.opening import Addresses
from services.ingest.connectors.telegram import api as telegram
from services.ingest.connectors.trust import bundle_fault
from services.ingest.connectors.vk import api as vk
from services.ingest.sources.vault import KEY_PATTERN
from shared.obs.log import LogFormat, LogLevel
from shared.settings import Check

_ADDRESS = r"^https?://[^\s?#]+[^\s?#/]$(?!\n)"


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What `migrate` needs."""

    ingest_database_url: Annotated[
        str, Meta(description="Ingest's database: sqlite:///path or postgresql+psycopg://user:password@host/name.")
    ] = "sqlite:///.data/ingest.db"
    log_level: Annotated[LogLevel, Meta(description="Lowest level that is logged: debug, info, warning, error.")] = (
        "info"
    )
    log_format: Annotated[
        LogFormat, Meta(description="json, console, or auto: console on a terminal, JSON elsewhere.")
    ] = "auto"


class PlatformSettings(StoreSettings, frozen=True, kw_only=True):
    """Where platforms are reached, and they reach ingest: what `serve` and the commands about sources need."""

    vk_url: Annotated[str, Meta(pattern=_ADDRESS, description="VK's API.")] = vk.BASE
    telegram_url: Annotated[
        str, Meta(pattern=_ADDRESS, description="Telegram's Bot API; a server of one's own is possible.")
    ] = telegram.API
    max_url: Annotated[str, Meta(pattern=_ADDRESS, description="MAX's API.")] = max_.API
    ok_url: Annotated[str, Meta(pattern=_ADDRESS, description="Odnoklassniki's API.")] = ok.ADDRESS
    ca_bundle: Annotated[
        str,
        Meta(
            description="A file of certificates (PEM) that are trusted beside the system's, such as the national root "
            "that MAX may need."
        ),
        Check(bundle_fault),
    ] = ""
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(|https?://[^\s/?#]+[^\s?#]*)$(?!\n)",
            description="The address at which ingest is seen from the internet, as in https://otklik.example: "
            "platforms call it.",
        ),
    ] = ""

    def addresses(self) -> Addresses:
        """As connectors are opened with them."""
        return Addresses(
            vk=self.vk_url,
            telegram=self.telegram_url,
            max=self.max_url,
            ok=self.ok_url,
            ca_bundle=Path(self.ca_bundle) if self.ca_bundle else None,
        )


class Settings(PlatformSettings, frozen=True, kw_only=True):
    """What `serve` needs."""

    author_key: Annotated[
        str,
        Meta(
            min_length=16,
            description="Secret of the keyed hash that stands for authors; at least 16 characters. "
            "With another one, known authors become strangers.",
        ),
    ]
    nats_url: Annotated[str, Meta(description="The message broker, with user and password where it has them.")] = (
        "nats://127.0.0.1:4222"
    )
    nats_replicas: Annotated[
        int, Meta(ge=1, le=5, description="Copies that the broker keeps of each stream: 1 alone, 3 in a cluster.")
    ] = 1
    sources_key: Annotated[
        str,
        Meta(
            pattern=KEY_PATTERN,
            description="Keys that seal the sources' credentials, separated by commas: the first seals, all open. "
            "Without one no sources are read and none can be added.",
        ),
    ] = ""
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    ingest_port: Annotated[int, Meta(ge=1, le=65_535, description="Port to listen on.")] = 8001
    migrate: Annotated[bool, Meta(description="Whether `serve` brings its database up to date first.")] = True

    def __repr__(self) -> str:
        """Names no value: three of them hold secrets."""
        return "Settings(…)"
