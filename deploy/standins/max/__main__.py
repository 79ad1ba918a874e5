"""`python -m deploy.standins.max`: the stand-in for MAX, until it is interrupted."""

from __future__ import annotations

import asyncio

import click

from deploy.standins.max.server import MaxStandin
from deploy.standins.wire import serve


@click.command()
@click.option("--port", default=8012, show_default=True)
def main(port: int) -> None:
    """The stand-in for MAX."""
    asyncio.run(serve(MaxStandin(), port))


if __name__ == "__main__":
    main(prog_name="python -m deploy.standins.max")
