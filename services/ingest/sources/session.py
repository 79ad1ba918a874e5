"""One command's hold on the broker: the desk that the API works at, without HTTP."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from services.ingest.connectors.gate import Gate
from services.ingest.connectors.ok.connector import NothingKnown
from services.ingest.connectors.opening import Connect, opening
from services.ingest.sources.desk import SourceDesk
from services.ingest.sources.follower import Sources
from services.ingest.sources.health import Health
from services.ingest.sources.leases import REPLICAS
from services.ingest.sources.registry import SourceRegistry
from services.ingest.sources.vault import VARIABLE, Vault
from services.ingest.sources.whereabouts import whereabouts
from shared.bus import Bus
from shared.bus.address import absence
from shared.clock import utc_now
from shared.errors import OtklikError

T = TypeVar("T")
SECONDS = 120.0
"""One command may take this long, waiting for the broker and a platform included."""


def work_at_desk(
    url: str, replicas: int, work: Callable[[SourceDesk], Awaitable[T]], *, connect: Connect | None = None
) -> T:
    """What `work` returns; raises ClickException with plain words for whatever stands in the way."""
    vault = _vault()

    async def session() -> T:
        async with asyncio.timeout(SECONDS), await Bus.connect(url, name="sources", replicas=replicas) as bus:
            if not bus.connected:
                raise click.ClickException(absence(bus))
            # Only now: what `make run` wrote before its broker answered is there.
            where = whereabouts(url)
            open_connectors = connect or opening(where.own.addresses(), NothingKnown())
            await bus.ensure()
            others = len(await (await bus.bucket(REPLICAS)).entries())
            # Beside the replicas that run, this command is one more that calls platforms.
            async with open_connectors(Gate(replicas=lambda: others + 1)) as connectors:
                desk = SourceDesk(
                    registry=SourceRegistry(bus, vault, clock=utc_now),
                    sources=Sources(bus, vault),
                    health=Health(bus, clock=utc_now),
                    connectors=connectors,
                    public_url=where.own.public_url or None,
                    clock=utc_now,
                    telling=where.telling,
                )
                return await work(desk)

    try:
        return asyncio.run(session())
    except OtklikError as error:
        raise click.ClickException(error.detail) from error
    except TimeoutError as error:
        raise click.ClickException(f"not done within {SECONDS:.0f} seconds") from error


def acting_person() -> str:
    """Who gives the command, for the record."""
    try:
        return f"command {getpass.getuser()}"
    except (OSError, KeyError):
        # A container's user may have no name.
        return f"command {os.getuid()}"


def _vault() -> Vault | None:
    """Keys from the variable, the file that it names, or where `make run` keeps them; raises ClickException."""
    text, where = os.environ.get(VARIABLE), VARIABLE
    if text is None:
        named = os.environ.get(VARIABLE + "_FILE")
        path = Path(named or Path(os.environ.get("OTKLIK_DATA_DIR", ".data")) / "sources.key")
        where = str(path)
        try:
            text = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            if named is not None:
                raise click.ClickException(f"{VARIABLE}_FILE: there is no file {path}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise click.ClickException(f"cannot read {path}: {error}") from error
    try:
        return Vault.of(text)
    except ValueError as error:
        raise click.ClickException(f"{where}: {error}") from error
