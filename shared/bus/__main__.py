"""`python -m shared.bus dead …`: what ops do about messages that could not be handled; `… schema`: docs/events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from shared.bus import dead, pages
from shared.bus.address import NATS_URL, absence
from shared.bus.connection import Bus
from shared.counting import counted
from shared.errors import OtklikError
from shared.numbers import WholeNumber
from shared.obs import configure_logging

NUMBER = WholeNumber(min=1)


def _run(url: str, work: Callable[[Bus], Awaitable[None]]) -> None:
    async def session() -> None:
        async with await Bus.connect(url, name="ops") as bus:
            if not bus.connected:
                raise click.ClickException(absence(bus))
            await work(bus)

    try:
        asyncio.run(session())
    except OtklikError as error:
        raise click.ClickException(error.detail) from error


@click.group()
def main() -> None:
    """Commands on the message broker."""
    # Standard output is for what was asked; what goes wrong is said on standard error.
    configure_logging(service="ops", level="warning")


@main.command("schema")
@click.option(
    "--directory", type=click.Path(file_okay=False, path_type=Path), help="Where to; docs/events if not given."
)
def schema(directory: Path | None) -> None:
    """Write the documentation of all events and streams anew."""
    for name in pages.write(directory or pages.DIRECTORY):
        click.echo(name)


@main.group("dead")
def dead_group() -> None:
    """Messages that could not be handled."""


@dead_group.command("list")
@NATS_URL
@click.option("--service", help="Only those of this service.")
@click.option("--reason", help="Only those with this reason.")
def list_letters(nats_url: str, service: str | None, reason: str | None) -> None:
    """One line a letter: number, time, service, reason, where it stood or which source it came by, what is wrong."""

    async def work(bus: Bus) -> None:
        count = 0
        async for item in dead.letters(bus, service=service, reason=reason):
            count += 1
            found = item.letter
            place = f"{found.stream}:{found.sequence}" if found.stream else found.consumer
            click.echo(
                f"{item.number}\t{found.at.isoformat(timespec='seconds')}\t{found.service}\t{found.reason}\t"
                f"{place}\t{' '.join(found.detail.split())}"
            )
        click.echo(counted(count, "dead letter"), err=True)

    _run(nats_url, work)


@dead_group.command("show")
@NATS_URL
@click.option("--payload", is_flag=True, help="Write the message's own bytes; they may hold a comment.")
@click.argument("number", type=NUMBER)
def show(nats_url: str, payload: bool, number: int) -> None:
    """All that is known of one letter."""

    async def work(bus: Bus) -> None:
        found = await dead.letter(bus, number)
        if payload:
            sys.stdout.buffer.write(found.payload)
            return
        for name in ("service", "reason", "detail", "stream", "sequence", "consumer", "subject", "deliveries", "at"):
            click.echo(f"{name}: {getattr(found, name)}")
        click.echo(f"bytes: {len(found.payload)}")

    _run(nats_url, work)


@dead_group.command("replay")
@NATS_URL
@click.argument("numbers", type=NUMBER, nargs=-1, required=True)
def replay(nats_url: str, numbers: tuple[int, ...]) -> None:
    """Send letters back where they came from."""

    async def work(bus: Bus) -> None:
        for number in numbers:
            await dead.replay(bus, number)
            click.echo(f"{number} replayed")

    _run(nats_url, work)


@dead_group.command("drop")
@NATS_URL
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("numbers", type=NUMBER, nargs=-1, required=True)
def drop(nats_url: str, yes: bool, numbers: tuple[int, ...]) -> None:
    """Remove letters for good."""

    async def look(bus: Bus) -> None:
        for number in numbers:
            await dead.letter(bus, number)

    if not yes:
        _run(nats_url, look)
        click.confirm(f"Remove {counted(len(numbers), 'dead letter')} for good?", abort=True)

    async def work(bus: Bus) -> None:
        for number in numbers:
            await dead.drop(bus, number)
            click.echo(f"{number} dropped")

    _run(nats_url, work)


if __name__ == "__main__":
    main(prog_name="python -m shared.bus")
