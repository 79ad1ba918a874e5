"""What an operator sets."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from services.routing.domain.lease import LEASE_SECONDS, MAX_LEASE_SECONDS
from shared.obs.log import LogFormat, LogLevel


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What `migrate` and `import` need."""

    routing_database_url: Annotated[
        str, Meta(description="Routing's database: sqlite:///path or postgresql+psycopg://user:password@host/name.")
    ] = "sqlite:///.data/routing.db"
    log_level: Annotated[LogLevel, Meta(description="Lowest level that is logged: debug, info, warning, error.")] = (
        "info"
    )
    log_format: Annotated[
        LogFormat, Meta(description="json, console, or auto: console on a terminal, JSON elsewhere.")
    ] = "auto"


class Settings(StoreSettings, frozen=True, kw_only=True):
    """What `serve` needs."""

    nats_url: Annotated[str, Meta(description="The message broker, with user and password where it has them.")] = (
        "nats://127.0.0.1:4222"
    )
    nats_replicas: Annotated[
        int, Meta(ge=1, le=5, description="Copies that the broker keeps of each stream: 1 alone, 3 in a cluster.")
    ] = 1
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    routing_port: Annotated[int, Meta(ge=1, le=65_535, description="Port to listen on.")] = 8003
    migrate: Annotated[bool, Meta(description="Whether `serve` brings its database up to date first.")] = True
    lease_seconds: Annotated[
        int,
        Meta(
            ge=30,
            le=MAX_LEASE_SECONDS,
            description="How long a case or task stays one person's alone, unless asked otherwise or prolonged.",
        ),
    ] = LEASE_SECONDS

    def __repr__(self) -> str:
        """Names no value: two of them hold secrets."""
        return "Settings(…)"
