"""`python -m services.ingest source …`: the same as /v1/sources, over the broker alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any, TypeVar

import click
from msgspec import UNSET

from services.ingest.sources.asking import ask_secrets
from services.ingest.sources.change import Change, NewSource
from services.ingest.sources.desk import SourceDesk
from services.ingest.sources.instructions import instructions
from services.ingest.sources.record import SECRETS
from services.ingest.sources.requirements import PLATFORMS, WAYS
from services.ingest.sources.session import acting_person, work_at_desk
from services.ingest.sources.source import Secrets
from services.ingest.sources.tables import console, instruction_lines, list_table, source_table, tested_lines
from services.ingest.sources.vault import new_key
from services.ingest.sources.view import ChangedSource
from shared.bus.address import NATS_REPLICAS, NATS_URL
from shared.clock import utc_now
from shared.counting import counted
from shared.errors import Conflict, Invalid
from shared.obs import configure_logging

T = TypeVar("T")
GIVEN = [name for name in SECRETS if name != "hook_secret"]
"""Secrets that a person gives."""
SECRET = click.option(
    "--secret", "asked", multiple=True, type=click.Choice(GIVEN), help="Ask for this secret at a prompt."
)
STDIN = click.option("--stdin", is_flag=True, help="Read secrets from standard input, lines name=value.")
ACTING = click.option("--acting/--dry-run", default=None, help="Carry replies and deletions out, or only tell them.")
PACE = click.option("--pace", type=float, metavar="SECONDS", help="Between two actions on the page, at least.")
CEILING = click.option("--ceiling", type=int, metavar="N", help="Actions on the page in 24 hours, at most.")
GROUP = click.option("--group", help="Telegram: the channel's discussion group.")


class Broker:
    """Where the commands of one call find the broker."""

    def __init__(self, url: str, replicas: int) -> None:
        self._url = url
        self._replicas = replicas

    def run(self, work: Callable[[SourceDesk], Awaitable[T]]) -> T:
        """What `work` returns."""
        return work_at_desk(self._url, self._replicas, work)


@click.group()
@NATS_URL
@NATS_REPLICAS
@click.pass_context
def source(context: click.Context, nats_url: str, replicas: int) -> None:
    """Sources: the communities, channels and groups that comments come from.

    Secrets come from OTKLIK_SECRET_<NAME> in the environment, from standard input, or from a prompt; never from
    arguments.
    """
    # Standard output is for what was asked; what goes wrong is said on standard error.
    configure_logging(service="ingest", level="warning")
    context.obj = Broker(nats_url, replicas)


@source.command()
@click.argument("id")
@click.option("--platform", required=True, type=click.Choice(list(PLATFORMS)))
@click.option("--page", required=True, help="As in vk:-123.")
@click.option("--way", type=click.Choice(WAYS), help="hook where the platform has one, unless given.")
@GROUP
@ACTING
@PACE
@CEILING
@SECRET
@STDIN
@click.pass_obj
def add(
    broker: Broker,
    *,
    id: str,
    platform: str,
    page: str,
    way: str | None,
    group: str | None,
    acting: bool | None,
    pace: float | None,
    ceiling: int | None,
    asked: tuple[str, ...],
    stdin: bool,
) -> None:
    """Add a source, and tell what to paste where on the platform."""
    required = PLATFORMS[platform]
    chosen = way or required.ways[0]
    # Of secrets that do for one another the first is asked for, unless others were named.
    needed = [names[0] for names in required.needed.get(chosen, ()) if not set(names) & set(asked)]
    secrets = Secrets(**ask_secrets(required.possible, [*needed, *asked], stdin=stdin))
    fields: dict[str, Any] = {"acting": acting, "pace_seconds": pace, "daily_ceiling": ceiling}
    given = {name: value for name, value in fields.items() if value is not None}
    new = NewSource(id=id, platform=platform, page=page, way=chosen, group=group, secrets=secrets, **given)

    async def work(desk: SourceDesk) -> ChangedSource:
        return await desk.changed(await desk.add(new, by=acting_person()), tell=True)

    _tell(broker.run(work))


@source.command("list")
@click.option("--platform", type=click.Choice(list(PLATFORMS)), help="Only of this platform.")
@click.pass_obj
def list_sources(broker: Broker, platform: str | None) -> None:
    """All sources, and how they do."""
    views, unreadable = broker.run(lambda desk: desk.all())
    chosen = [view for view in views if platform in (None, view.platform)]
    console().print(list_table(chosen, unreadable, utc_now()))
    click.echo(counted(len(chosen), "source"), err=True)


@source.command()
@click.argument("id")
@click.option("--instructions", "told", is_flag=True, help="Also what to click and paste on the platform.")
@click.pass_obj
def show(broker: Broker, *, id: str, told: bool) -> None:
    """Everything about one source but its secrets."""

    async def work(desk: SourceDesk) -> ChangedSource:
        kept = await desk.registry.get(id)
        return ChangedSource(
            source=await desk.show(kept),
            instructions=instructions(kept.record, desk.public_url, None) if told else None,
        )

    _tell(broker.run(work))


@source.command()
@click.argument("id")
@click.pass_obj
def test(broker: Broker, id: str) -> None:
    """Ask the platform what the credentials may do; exit 1 when comments cannot be read."""
    tested = broker.run(lambda desk: desk.test(id))
    for line in tested_lines(tested):
        click.echo(line)
    if not tested.works:
        raise SystemExit(1)


@source.command()
@click.argument("id")
@GROUP
@ACTING
@PACE
@CEILING
@SECRET
@STDIN
@click.option("--drop", "dropped", multiple=True, type=click.Choice(GIVEN), help="Take this secret away.")
@click.option("--new-hook-secret", is_flag=True, help="Make a new secret for the hook, and show it this once.")
@click.pass_obj
def change(
    broker: Broker,
    *,
    id: str,
    group: str | None,
    acting: bool | None,
    pace: float | None,
    ceiling: int | None,
    asked: tuple[str, ...],
    stdin: bool,
    dropped: tuple[str, ...],
    new_hook_secret: bool,
) -> None:
    """Change credentials, acting, pace or ceiling; what is not named stays."""
    secrets: dict[str, str | None] = dict.fromkeys(dropped)
    if asked or stdin:
        secrets |= ask_secrets(GIVEN, asked, stdin=stdin)
    wanted = Change(
        acting=UNSET if acting is None else acting,
        group=UNSET if group is None else group,
        pace_seconds=UNSET if pace is None else pace,
        daily_ceiling=UNSET if ceiling is None else ceiling,
        secrets=secrets,
        new_hook_secret=new_hook_secret,
    )
    if wanted == Change():
        raise click.UsageError("there is nothing to change; --help tells what can be")
    _change(broker, id, wanted, dropped)


@source.command()
@click.argument("id")
@click.pass_obj
def pause(broker: Broker, id: str) -> None:
    """Read nothing and do nothing there, until it is resumed."""
    _change(broker, id, Change(active=False))


@source.command()
@click.argument("id")
@click.pass_obj
def resume(broker: Broker, id: str) -> None:
    """Go on where it was paused."""
    _change(broker, id, Change(active=True))


@source.command()
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(broker: Broker, *, id: str, yes: bool) -> None:
    """Forget a source and its credentials."""

    async def look(desk: SourceDesk) -> None:
        # One that cannot be read can be removed.
        with suppress(Conflict):
            await desk.registry.get(id)

    if not yes:
        broker.run(look)
        click.confirm(f"Forget {id} and its credentials?", abort=True)
    broker.run(lambda desk: desk.registry.remove(id))
    click.echo(f"removed {id}", err=True)


@source.group()
def key() -> None:
    """The keys that seal the credentials."""


@key.command("new")
def new() -> None:
    """Print a new key. Put it before the old one in OTKLIK_SOURCES_KEY, with a comma between."""
    click.echo(new_key())


@key.command()
@click.pass_obj
def reseal(broker: Broker) -> None:
    """Seal all credentials with the first key; afterwards the others can be taken away."""
    count, wrong = broker.run(lambda desk: desk.registry.reseal())
    click.echo(f"{counted(count, 'source')} sealed anew", err=True)
    for id, why in sorted(wrong.items()):
        click.echo(f"{id}: {why}", err=True)
    if wrong:
        raise SystemExit(1)


def _change(broker: Broker, id: str, wanted: Change, dropped: Collection[str] = ()) -> None:
    async def work(desk: SourceDesk) -> ChangedSource:
        there = (await desk.registry.get(id)).record.secrets_set if dropped else ()
        absent = [name for name in dropped if name not in there]
        if absent:
            has = ", ".join(there) or "none"
            raise Invalid(f"{id} has no {', '.join(absent)} to take away; the secrets it has: {has}")
        return await desk.changed(await desk.registry.change(id, wanted, by=acting_person()), tell=False)

    _tell(broker.run(work))


def _tell(changed: ChangedSource) -> None:
    console().print(source_table(changed.source, utc_now()))
    if changed.instructions is not None:
        click.echo()
        for line in instruction_lines(changed.instructions):
            click.echo(line)
