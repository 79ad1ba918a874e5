"""`python -m services.classifier models …`: the same as `/v1/models`, for whoever can reach the broker."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from services.classifier.life.disagreement import Comparison, Disagreements
from services.classifier.life.pointer import VERSION_PATTERN
from services.classifier.life.provenance import learned_files, likely_cause
from services.classifier.life.registry import Loaded, Registry, load_folder
from services.classifier.life.replica import Replicas
from services.classifier.life.standing import Pointers, Standing
from services.classifier.life.usability import check_compared, check_usable, check_way_back
from services.classifier.life.wording import PACKAGED, base_folder, line_of, shadow_shown, shown, told, why_kept
from services.classifier.manifest import ModelError, read_manifest
from services.classifier.model import Model
from shared.bus import Bus
from shared.bus.address import NATS_REPLICAS, NATS_URL, absence
from shared.clock import utc_now
from shared.errors import Conflict, Fatal, Invalid, NotFound, OtklikError
from shared.numbers import WholeNumber
from shared.obs import configure_logging

T = TypeVar("T")
TIMEOUT = 120.0
"""Seconds one command may take, waiting for the broker included."""


def on_broker(url: str, replicas: int, work: Callable[[Bus], Awaitable[T]]) -> T:
    """What `work` returns, or the end of the command with a message."""

    async def session() -> T:
        async with asyncio.timeout(TIMEOUT):
            async with await Bus.connect(url, name="models", replicas=replicas) as bus:
                if not bus.connected:
                    raise click.ClickException(absence(bus))
                await bus.ensure()
                return await work(bus)

    configure_logging(service="models", level="error")
    try:
        return asyncio.run(session())
    except OtklikError as error:
        raise click.ClickException(error.detail) from error
    except (Fatal, ModelError) as error:
        raise click.ClickException(str(error)) from error
    except TimeoutError as error:
        raise click.ClickException(f"the broker did not answer within {TIMEOUT:.0f} seconds") from error


@click.group()
def models() -> None:
    """Versions of the model: published, compared in the shadow, promoted, rolled back."""


@models.command("list")
@NATS_URL
@NATS_REPLICAS
def list_versions(nats_url: str, replicas: int) -> None:
    """One line a version, the newest first: when it was published, its size, whether it is live or the shadow, its
    macro-F1 by its card; then what each process judges with."""

    async def work(bus: Bus) -> None:
        standing = await Pointers(bus, clock=utc_now).read()
        for item in await Registry(bus).versions():
            click.echo(line_of(item, standing))
        click.echo(f"live: {shown(standing.live.version)}; shadow: {shadow_shown(standing)}", err=True)
        if standing.problem:
            click.echo(standing.problem, err=True)
        for replica in await Replicas(bus).all():
            troubles = [text for text in (replica.live_problem, replica.shadow_problem) if text]
            click.echo("; ".join([f"{replica.host} judges with {replica.live}", *troubles]), err=True)

    on_broker(nats_url, replicas, work)


@models.command()
@NATS_URL
@NATS_REPLICAS
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--evaluate", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Labelled comments to compare with what is live on, beside the held-out part of the corpus.",
)  # fmt: skip
@click.option("--anyway", is_flag=True, help="Publish it although it is worse than what is live.")
def publish(nats_url: str, replicas: int, folder: Path, evaluate: tuple[Path, ...], anyway: bool) -> None:
    """Stores the model in FOLDER; nothing judges with it yet. Prints its version.

    Refused when it is worse than what is live on the frozen sets; --anyway is for who knows why.
    """

    async def live(bus: Bus) -> Loaded:
        return await live_model(bus, await Pointers(bus, clock=utc_now).read())

    if not anyway:
        # Without the broker meanwhile: large files take longer than it is waited for.
        _check_gate(on_broker(nats_url, replicas, live), folder, evaluate)
    version, new = on_broker(nats_url, replicas, lambda bus: Registry(bus).publish(folder, by=who()))
    if not new:
        click.echo("it was published before", err=True)
    click.echo(version)


@models.command()
@NATS_URL
@NATS_REPLICAS
@click.argument("version", required=False)
@click.option("--none", "nothing", is_flag=True, help="No shadow any more.")
def shadow(nats_url: str, replicas: int, version: str | None, nothing: bool) -> None:
    """Lets VERSION judge the same comments in the shadow of what is live."""
    if (version is None) != nothing:
        raise click.UsageError("name a version, or say --none")

    async def work(bus: Bus) -> Standing:
        if version is not None:
            await check_usable(Registry(bus), version)
        return await Pointers(bus, clock=utc_now).set_shadow(version, by=who())

    click.echo(told(on_broker(nats_url, replicas, work)))


@models.command()
@NATS_URL
@NATS_REPLICAS
@click.argument("version")
@click.option("--reason", default="", help="For those who ask later.")
@click.option("--revision", type=WholeNumber(min=0), help="Only if what is live is still at this revision.")
def promote(nats_url: str, replicas: int, version: str, reason: str, revision: int | None) -> None:
    """Makes VERSION live (`packaged`: the one that comes with the program)."""

    async def work(bus: Bus) -> Standing:
        wanted = None if version == PACKAGED else version
        if wanted is not None:
            await check_usable(Registry(bus), wanted)
        return await Pointers(bus, clock=utc_now).promote(wanted, by=who(), reason=reason, revision=revision)

    click.echo(told(on_broker(nats_url, replicas, work)))


@models.command()
@NATS_URL
@NATS_REPLICAS
@click.option("--reason", default="", help="For those who ask later.")
@click.option("--revision", type=WholeNumber(min=0), help="Only if what is live is still at this revision.")
def rollback(nats_url: str, replicas: int, reason: str, revision: int | None) -> None:
    """Makes live what was live before."""

    async def work(bus: Bus) -> Standing:
        pointers = Pointers(bus, clock=utc_now)
        before = await pointers.read()
        await check_way_back(Registry(bus), before, revision)
        return await pointers.roll_back(
            by=who(), reason=reason, revision=before.revision if revision is None else revision
        )

    click.echo(told(on_broker(nats_url, replicas, work)))


@models.command()
@NATS_URL
@NATS_REPLICAS
@click.argument("version")
def remove(nats_url: str, replicas: int, version: str) -> None:
    """Removes VERSION for good, unless it is live, in the shadow, or what one can roll back to."""

    async def work(bus: Bus) -> None:
        standing = await Pointers(bus, clock=utc_now).read()
        if reason := why_kept(version, standing):
            raise Conflict(reason)
        registry = Registry(bus)
        if version not in {item.version for item in await registry.versions()}:
            raise NotFound(f"no version {version} is published")
        await registry.remove(version)

    on_broker(nats_url, replicas, work)


@models.command()
@NATS_URL
@NATS_REPLICAS
@click.option("--live", help="A version; unless given, what is live.")
@click.option("--shadow", "other", help="A version; unless given, the shadow.")
def disagreements(nats_url: str, replicas: int, live: str | None, other: str | None) -> None:
    """Counts by both tags, then a sample: time, live tag, shadow tag, their probabilities, the comment's id.

    Versions that are published no more can be named, for thirty days.
    """
    for option, named in (("--live", live), ("--shadow", other)):
        if named is not None and re.fullmatch(VERSION_PATTERN, named) is None:
            raise click.ClickException(f"{option}: {named!r} is no version's name; `models list` has them")

    async def work(bus: Bus) -> Comparison:
        standing = await Pointers(bus, clock=utc_now).read()
        packaged = read_manifest(base_folder()).version
        shadowing = other or standing.shadow_version
        if shadowing is None:
            raise NotFound("there is no shadow now; name one that was with --shadow")
        named = (live or standing.live.version or PACKAGED, shadowing)
        one, two = (packaged if name == PACKAGED else name for name in named)
        if one == two:
            raise Invalid("live and shadow are the same version")
        found = await Disagreements(bus).read(one, two)
        try:
            await check_compared(Registry(bus), found, packaged=packaged)
        except NotFound as error:
            raise NotFound(f"{error.detail}; `models list` has those there are") from error
        return found

    found = on_broker(nats_url, replicas, work)
    disagree = found.compared - found.agreed
    click.echo(f"live {found.live}, shadow {found.shadow}: {found.compared} compared, {disagree} disagree", err=True)
    if disagree:
        click.echo("comments\tlive → shadow")
    for one, row in sorted(found.table.items()):
        for two, count in sorted(row.items()):
            if one != two:
                click.echo(f"{count}\t{one} → {two}")
    if found.sample:
        click.echo("time\tlive tag\tshadow tag\tlive probability\tshadow probability\tcomment")
    for item in found.sample:
        scores = f"{item.live.scores[item.live.tag]:.2f}\t{item.shadow.scores[item.shadow.tag]:.2f}"
        moment = item.at.isoformat(timespec="seconds")
        click.echo(f"{moment}\t{item.live.tag}\t{item.shadow.tag}\t{scores}\t{item.comment}")


async def live_model(bus: Bus, standing: Standing) -> Loaded:
    """The model that judges: what the pointer names, else what replicas take when they cannot load that."""
    registry = Registry(bus)
    for version in (standing.live.version, *reversed(standing.live.before)):
        if version is None:
            break
        try:
            return await registry.load(version)
        except ModelError as error:
            click.echo(f"not compared with: {error}", err=True)
    return load_folder(base_folder())


def who() -> str:
    """Who runs this command, as far as the machine knows."""
    return f"command:{os.environ.get('USER') or os.getuid()}"


def _check_gate(live: Loaded, folder: Path, evaluate: tuple[Path, ...]) -> None:
    try:
        from services.classifier.training.frozen import frozen_sets
        from services.classifier.training.gate import compare
        from services.classifier.training.records import TrainingError
    except ImportError as error:
        raise click.ClickException(
            "the frozen sets are not part of this image: compare and publish from a checkout, or say --anyway"
        ) from error
    try:
        verdict = compare(live.model, Model.load(folder), frozen_sets(evaluate))
    except (ModelError, TrainingError) as error:
        raise click.ClickException(str(error)) from error
    for line in verdict.lines():
        click.echo(line, err=True)
    if verdict.worse:
        if cause := likely_cause(live.learned, learned_files(folder)):
            click.echo(f"the likely cause: {cause}", err=True)
        raise click.ClickException("not published: it is worse than what is live (--anyway publishes it all the same)")
