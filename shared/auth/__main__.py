"""`python -m shared.auth create | list | revoke`: keys for people and systems."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

import click

from shared.auth.duration import parse_duration
from shared.auth.keyring import BUCKET
from shared.auth.record import ROLES, KeyRecord, Role, Scope, scope_problem
from shared.auth.registry import KeyRegistry
from shared.bus import Bus
from shared.bus.address import NATS_REPLICAS, NATS_URL, absence
from shared.clock import new_id, utc_now
from shared.errors import OtklikError
from shared.obs import configure_logging

T = TypeVar("T")
TIMEOUT = 20.0
"""Seconds one command may take, waiting for the broker included."""


def _run(url: str, replicas: int, work: Callable[[KeyRegistry], Awaitable[T]]) -> T:
    async def session() -> T:
        async with asyncio.timeout(TIMEOUT):
            async with await Bus.connect(url, name="auth", replicas=replicas) as bus:
                if not bus.connected:
                    raise click.ClickException(absence(bus))
                await bus.ensure()
                bucket = await bus.bucket(BUCKET)
                return await work(KeyRegistry(bucket, clock=utc_now, new_id=new_id, random_bytes=secrets.token_bytes))

    try:
        return asyncio.run(session())
    except OtklikError as error:
        raise click.ClickException(error.detail) from error
    except TimeoutError as error:
        raise click.ClickException(f"the broker did not answer within {TIMEOUT:.0f} seconds") from error


@click.group()
def main() -> None:
    """Keys for people and systems: made here, shown once, revoked at any time."""
    # Standard output is for keys alone; what goes wrong is said on standard error.
    configure_logging(service="auth", level="warning")


@main.command()
@NATS_URL
@NATS_REPLICAS
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--name", required=True, help="Whom it is for.")
@click.option("--institution", help="Of an agent: its institution (those below it are included).")
@click.option("--territory", help="Of a coordinator or moderator: its territory; root for all.")
@click.option("--sources", help="Of an ingest key: page ids, separated by commas; * for all.")
@click.option("--expires", help="Lifetime: 36h, 90d, 4w. Without it the key lives until it is revoked.")
@click.option(
    "--file", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the key there (mode 0600)."
)
@click.option("--keep", is_flag=True, help="With --file: do nothing when the file holds a key that still works.")
@click.option("-q", "--quiet", is_flag=True, help="Print the key alone.")
def create(
    *,
    nats_url: str,
    replicas: int,
    role: str,
    name: str,
    institution: str | None,
    territory: str | None,
    sources: str | None,
    expires: str | None,
    path: Path | None,
    keep: bool,
    quiet: bool,
) -> None:
    """Makes a key and shows it, this once."""
    if keep and path is None:
        raise click.UsageError("--keep needs --file")
    scope = Scope(
        institution=institution,
        territory=territory,
        sources=tuple(part.strip() for part in (sources or "").split(",") if part.strip()),
    )
    problem = scope_problem(cast(Role, role), scope)
    if problem is not None:
        raise click.UsageError(problem)
    try:
        lifetime = None if expires is None else parse_duration(expires)
    except ValueError as error:
        raise click.UsageError(f"--expires {error}") from error

    async def work(registry: KeyRegistry) -> tuple[str, KeyRecord] | None:
        if path is not None and keep and await registry.works(_read(path)):
            return None
        key, record = await registry.create(name=name, role=cast(Role, role), scope=scope, lifetime=lifetime)
        if path is not None:
            try:
                _write(path, key)
            except OSError as error:
                # A key that nobody received must not stay good.
                await registry.revoke(record.id)
                raise click.ClickException(f"cannot write {path}: {error.strerror}") from error
        return key, record

    made = _run(nats_url, replicas, work)
    if made is None:
        click.echo(f"{path} holds a key that still works", err=True)
        return
    key, record = made
    if path is None:
        click.echo(key)
    if not quiet:
        where = "it is shown only this once" if path is None else f"written to {path}"
        click.echo(f"key {record.id} for {record.name}, role {record.role}: {where}", err=True)


@main.command("list")
@NATS_URL
@NATS_REPLICAS
def list_keys(nats_url: str, replicas: int) -> None:
    """One line a key: id, role, scope, made, expires, name. The keys themselves are kept nowhere."""
    now = utc_now()

    async def work(registry: KeyRegistry) -> list[KeyRecord]:
        return await registry.records()

    for record in _run(nats_url, replicas, work):
        click.echo(
            "\t".join(
                (
                    record.id,
                    record.role,
                    _scope(record.scope),
                    f"made {record.created_at:%Y-%m-%d}",
                    _expiry(record, expired=record.expired(now)),
                    record.name,
                )
            )
        )


@main.command()
@NATS_URL
@NATS_REPLICAS
@click.argument("key_id", metavar="ID")
def revoke(nats_url: str, replicas: int, key_id: str) -> None:
    """Makes a key worthless; every service refuses it within five seconds."""

    async def work(registry: KeyRegistry) -> KeyRecord:
        return await registry.revoke(key_id)

    record = _run(nats_url, replicas, work)
    click.echo(f"revoked {record.id} ({record.name})", err=True)


def _scope(scope: Scope) -> str:
    return scope.institution or scope.territory or ",".join(scope.sources) or "-"


def _expiry(record: KeyRecord, *, expired: bool) -> str:
    if record.expires_at is None:
        return "no expiry"
    return f"{'expired' if expired else 'expires'} {record.expires_at:%Y-%m-%d %H:%M}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, key: str) -> None:
    """Puts the key there in one step, readable by the owner alone from the first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file with mode 0600.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key + "\n")
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    main(prog_name="python -m shared.auth")
