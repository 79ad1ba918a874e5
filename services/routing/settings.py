"""What an operator may set for routing; `docs` list these fields with their variables."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read once at start by `shared.settings.load_settings`."""

    nats_url: Annotated[str, Meta(description="Address of the message broker.")] = "nats://127.0.0.1:4222"
    nats_replicas: Annotated[int, Meta(ge=1, le=5, description="Copies of each stream that a cluster keeps.")] = 1
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    routing_port: Annotated[int, Meta(ge=0, le=65535, description="Port of routing's API and console.")] = 8003
    routing_database_url: Annotated[
        str, Meta(description="Routing's database: sqlite:///path or postgresql+psycopg://user:password@host/name.")
    ] = "sqlite:///.data/routing.db"
    migrate: Annotated[bool, Meta(description="Bring the database to the newest schema at start.")] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least grave log lines that are written.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "console"], Meta(description="auto: for people on a terminal, else JSON.")
    ] = "auto"
