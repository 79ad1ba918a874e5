"""`python -m deploy.standins.telegram`: the stand-in for Telegram, until it is interrupted."""

from __future__ import annotations

import asyncio

import click

from deploy.standins.telegram.server import TelegramStandin
from deploy.standins.wire import serve


@click.command()
@click.option("--port", default=8011, show_default=True)
def main(port: int) -> None:
    """The stand-in for Telegram."""
    asyncio.run(serve(TelegramStandin(), port))


if __name__ == "__main__":
    main(prog_name="python -m deploy.standins.telegram")
