"""What an operator sets."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from services.classifier.careful.opening import Careful
from shared.obs.log import LogFormat, LogLevel


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `serve` needs."""

    nats_url: Annotated[str, Meta(description="The message broker, with user and password where it has them.")] = (
        "nats://127.0.0.1:4222"
    )
    nats_replicas: Annotated[
        int, Meta(ge=1, le=5, description="Copies that the broker keeps of each stream: 1 alone, 3 in a cluster.")
    ] = 1
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    classifier_port: Annotated[int, Meta(ge=1, le=65_535, description="Port to listen on.")] = 8002
    model_path: Annotated[
        str, Meta(description="Folder of the model; empty means the one that comes with the program.")
    ] = ""
    careful: Annotated[
        Careful, Meta(description="auto: a second, careful reader where the machine has one; off: the fast one alone.")
    ] = "auto"
    log_level: Annotated[LogLevel, Meta(description="Lowest level that is logged: debug, info, warning, error.")] = (
        "info"
    )
    log_format: Annotated[
        LogFormat, Meta(description="json, console, or auto: console on a terminal, JSON elsewhere.")
    ] = "auto"

    def __repr__(self) -> str:
        """Names no value: the broker's address may hold a password."""
        return "Settings(…)"
