"""Runs stand-ins as a process: one, or all of them, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from deploy.standins.region import Platform, furnish, make
from shared.numbers import WholeNumber

PORT = WholeNumber(0, 65_535)
KEEP = click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory where what is written is kept for the next start; else it is forgotten.",
)


def command(platform: Platform) -> click.Command:
    """`python -m deploy.standins.<platform>`."""

    @click.command(help=f"The stand-in of {platform}: a test double on 127.0.0.1, with one page to comment on.")
    @click.option("--port", type=PORT, default=0, help="Any free one unless given.")
    @KEEP
    def main(port: int, keep: Path | None) -> None:
        run({platform: port}, keep)

    return main


def run(ports: Mapping[Platform, int], keep: Path | None) -> None:
    """Serves until it is told to stop; says on standard output where each one is, in a line of JSON."""
    asyncio.run(_serve(ports, keep))


async def _serve(ports: Mapping[Platform, int], keep: Path | None) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        for platform, port in ports.items():
            standin = make(platform)
            if keep is None or not standin.load(keep / f"{platform}.json"):
                furnish(platform, standin)
            try:
                await standin.start(port)
            except OSError as error:
                raise click.ClickException(f"port {port} for the stand-in of {platform}: {error.strerror}") from error
            stack.push_async_callback(standin.stop)
            told = {"platform": platform, "address": standin.address, "page": standin.shown().id}
            click.echo(msgspec.json.encode(told))
        await stop.wait()
