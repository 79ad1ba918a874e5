"""`python -m services.routing serve | migrate | import DIR`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from shared.counting import counted
from shared.errors import OtklikError, Transient
from shared.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from services.routing.registry_import import Imported, Rejected

S = TypeVar("S", bound=msgspec.Struct)


@click.group()
def main() -> None:
    """Otklik's routing: cases, queues, moderation."""


@main.command()
def serve() -> None:
    """Answers HTTP and handles events until SIGTERM or SIGINT."""
    from services.routing.app import make_app
    from services.routing.settings import Settings
    from shared.obs.log import configure_logging
    from shared.web import serve as run

    settings = _settings(Settings)
    configure_logging(service="routing", level=settings.log_level, format=settings.log_format)
    if settings.migrate:
        _migrate(settings.routing_database_url)
    run(
        lambda: make_app(settings),
        host=settings.host,
        port=settings.routing_port,
        port_variable="OTKLIK_ROUTING_PORT",
    )


@main.command()
def migrate() -> None:
    """Brings the database to the newest schema; does nothing where it is there already."""
    from services.routing.settings import StoreSettings
    from shared.obs.log import configure_logging

    settings = _settings(StoreSettings)
    configure_logging(service="routing", level=settings.log_level, format=settings.log_format)
    _migrate(settings.routing_database_url)


@main.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
def import_folder(folder: Path) -> None:
    """Imports the registry's CSV files of DIR (territories, institutions, streets, pages, competences) into the
    database, whether or not the service runs; all of them or, when anything in them is wrong, nothing."""
    from services.routing.registry_import import Rejected
    from services.routing.settings import StoreSettings
    from shared.obs.log import configure_logging

    settings = _settings(StoreSettings)
    configure_logging(service="routing", level=settings.log_level, format=settings.log_format)
    _migrate(settings.routing_database_url)
    try:
        done = asyncio.run(_import(settings.routing_database_url, folder))
    except (OSError, Transient, OtklikError) as error:
        raise click.ClickException(str(error)) from error
    if isinstance(done, Rejected):
        for wrong in done.errors:
            column = f", {wrong.column}" if wrong.column else ""
            click.echo(f"{wrong.file}.csv, line {wrong.line}{column}: {wrong.error}", err=True)
        raise click.ClickException(f"{counted(done.error_count, 'error')}; nothing was imported")
    for name, count in done.counts.items():
        click.echo(f"{name}: {count.added} added, {count.changed} changed, {count.unchanged} unchanged")
    click.echo(f"registry version {done.version}")


async def _import(url: str, folder: Path) -> Imported | Rejected:
    """Imports with a progress bar on the terminal, if there is one."""
    from rich.console import Console
    from rich.progress import Progress

    from services.routing.registry_import import files_in, import_registry
    from shared.db import Database

    files = files_in(folder)
    database = Database.open(url)
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("word forms of names", total=None)
            return await import_registry(
                database,
                files,
                actor="system",
                progress=lambda done, total: bar.update(task, completed=done, total=max(total, 1)),
            )
    finally:
        database.close()


def _settings(kind: type[S]) -> S:
    try:
        return load_settings(kind)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def _migrate(url: str) -> None:
    from services.routing.store import MIGRATIONS
    from shared.db import migrate as bring_up

    try:
        bring_up(url, MIGRATIONS)
    except (Transient, ValueError) as error:
        raise click.ClickException(f"OTKLIK_ROUTING_DATABASE_URL: {error}") from error


if __name__ == "__main__":
    main(prog_name="python -m services.routing")
