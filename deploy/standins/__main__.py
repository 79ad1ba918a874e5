"""`python -m deploy.standins`: stand-ins of several platforms in one process, all of them unless some are named."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.standins.command import KEEP, run
from deploy.standins.region import PORTS, Platform


def _places(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[Platform, int]:
    places: dict[Platform, int] = {}
    for each in given:
        name, _, port = each.partition("=")
        platform: Platform | None = next((it for it in PORTS if it == name), None)
        if platform is None or not port.isdecimal() or int(port) > 65_535:
            raise click.BadParameter(f"{each!r} is not as in vk=8011")
        places[platform] = int(port)
    return places


@click.command()
@click.option(
    "--at",
    "places",
    multiple=True,
    callback=_places,
    metavar="PLATFORM=PORT",
    help="Only this platform (and others so named), on this port; 0 takes any free one.",
)
@KEEP
def main(places: dict[Platform, int], keep: Path | None) -> None:
    """Test doubles of VK, Telegram, MAX and Odnoklassniki on 127.0.0.1, each with one page to comment on: on ports
    8011 to 8014, unless told otherwise."""
    run(places or PORTS, keep)


if __name__ == "__main__":
    main(prog_name="python -m deploy.standins")
