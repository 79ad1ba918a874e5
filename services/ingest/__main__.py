"""`python -m services.ingest serve | migrate | replay FILE | decode FILE | source …`."""

from __future__ import annotations

import click

from services.ingest.decode import decode
from services.ingest.replay.command import replay
from services.ingest.sources.command import source
from shared.errors import Transient
from shared.settings import SettingsError, load_settings


@click.group()
def main() -> None:
    """Otklik's intake of comments."""


@main.command()
def serve() -> None:
    """Answers HTTP until SIGTERM or SIGINT."""
    from services.ingest.app import make_app
    from services.ingest.process import calm_collector, make_room
    from services.ingest.settings import Settings
    from shared.obs.log import configure_logging
    from shared.web import serve as run

    try:
        settings = load_settings(Settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    configure_logging(service="ingest", level=settings.log_level, format=settings.log_format)
    make_room()
    if settings.migrate:
        _migrate(settings.ingest_database_url)
    calm_collector()
    run(
        lambda: make_app(settings),
        host=settings.host,
        port=settings.ingest_port,
        port_variable="OTKLIK_INGEST_PORT",
    )


@main.command()
def migrate() -> None:
    """Brings the database to the newest schema; does nothing where it is there already."""
    from services.ingest.settings import StoreSettings
    from shared.obs.log import configure_logging

    try:
        settings = load_settings(StoreSettings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    configure_logging(service="ingest", level=settings.log_level, format=settings.log_format)
    _migrate(settings.ingest_database_url)


def _migrate(url: str) -> None:
    from services.ingest.store import MIGRATIONS
    from shared.db import migrate as bring_up

    try:
        bring_up(url, MIGRATIONS)
    except (Transient, ValueError) as error:
        raise click.ClickException(f"OTKLIK_INGEST_DATABASE_URL: {error}") from error


main.add_command(decode)
main.add_command(replay)
main.add_command(source)

if __name__ == "__main__":
    main(prog_name="python -m services.ingest")
