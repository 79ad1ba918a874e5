"""Where commands find the broker when nobody says so."""

from __future__ import annotations

import os
from pathlib import Path

import click

from shared.bus.connection import Bus

DEFAULT_URL = "nats://127.0.0.1:4222"
NO_BROKER = "no broker answers; `make run` starts one here, OTKLIK_NATS_URL names another"
REFUSED = "the broker refuses the user or password; OTKLIK_NATS_URL has both before the host: nats://user:password@host"


def broker_url() -> str:
    """The content of the file OTKLIK_NATS_URL_FILE, else of `broker.url` where `make run` keeps its state, else the
    broker's usual address; OTKLIK_NATS_URL itself goes before all of these."""
    if file := os.environ.get("OTKLIK_NATS_URL_FILE"):
        return Path(file).read_text(encoding="utf-8").strip()
    return local_url() or DEFAULT_URL


def local_url() -> str | None:
    """What `make run` wrote into `broker.url` where it keeps its state; None where it never did."""
    local = Path(os.environ.get("OTKLIK_DATA_DIR", ".data")) / "broker.url"
    return local.read_text(encoding="utf-8").strip() if local.exists() else None


def absence(bus: Bus) -> str:
    """What a command says that finds no broker, or one that does not let it in."""
    return REFUSED if bus.refused else NO_BROKER


NATS_URL = click.option(
    "--nats-url",
    envvar="OTKLIK_NATS_URL",
    default=broker_url,
    show_default="that of `make run`, else " + DEFAULT_URL,
    help="The broker.",
)

NATS_REPLICAS = click.option(
    "--nats-replicas",
    "replicas",
    envvar="OTKLIK_NATS_REPLICAS",
    default=1,
    show_default=True,
    help="Copies in a cluster.",
)
