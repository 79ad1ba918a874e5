"""`train --labels`: learns from moderators' corrections, and lets nothing worse succeed what is live."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from services.classifier.life.provenance import learned_files, likely_cause
from services.classifier.life.registry import Loaded, Registry
from services.classifier.life.standing import Pointers
from services.classifier.life.versions_command import live_model, on_broker, who
from services.classifier.model import Model
from services.classifier.training.command import Material, train_model
from services.classifier.training.corrections import Corrections, read_corrections
from services.classifier.training.embedded import Embedded
from services.classifier.training.frozen import frozen_sets
from services.classifier.training.gate import Tolerance, Verdict, compare
from services.classifier.training.records import TrainingError
from shared.bus import Bus
from shared.clock import utc_now


class Worse(Exception):
    """The new model is worse than what is live; the message says by how much on which set."""


class Ground(msgspec.Struct, frozen=True):
    """What the broker knew before training."""

    corrections: Corrections
    live: Loaded
    revision: int
    """Of the pointer: what the new model is compared with is what it may replace."""


def relearn(
    material: Material,
    *,
    nats_url: str,
    replicas: int,
    embedded: Embedded | None,
    out: Path,
    tolerance: Tolerance,
    publish: bool,
    promote: bool,
) -> str:
    """Trains on everything that `train` does and on all of LABELS, writes the model to `out`, compares it with what is
    live on the frozen sets, and then publishes or promotes it where that is asked for; returns its version.

    Raises TrainingError when there is nothing to learn, Worse with the model written, but neither published nor
    promoted; it names the likely cause where the cards tell one.
    """
    ground = on_broker(nats_url, replicas, _ground)
    told = ground.corrections
    click.echo(
        f"{told.labels} labels: {len(told.rows)} rows, {told.replaced} replaced by newer, {told.unusable} unusable",
        err=True,
    )
    if not told.rows:
        raise TrainingError("LABELS holds no correction of a tag or topic: there is nothing to learn")
    version = train_model(material, out=out, embedded=embedded, corrections=told.source())
    sets = frozen_sets(material.evaluate, corpus=material.corpus)
    verdict = compare(ground.live.model, Model.load(out), sets, tolerance)
    for line in verdict.lines():
        click.echo(line, err=True)
    if verdict.worse:
        cause = likely_cause(ground.live.learned, learned_files(out))
        raise Worse(f"{_sentence(verdict)}. The likely cause: {cause}" if cause else _sentence(verdict))

    async def go_on(bus: Bus) -> None:
        await Registry(bus).publish(out, by=who())
        if promote:
            pointers = Pointers(bus, clock=utc_now)
            reason = f"learned from {len(told.rows)} corrected comments"
            await pointers.promote(version, by=who(), reason=reason, revision=ground.revision)

    if publish or promote:
        on_broker(nats_url, replicas, go_on)
        click.echo("promoted" if promote else "published", err=True)
    return version


async def _ground(bus: Bus) -> Ground:
    standing = await Pointers(bus, clock=utc_now).read()
    return Ground(await read_corrections(bus), await live_model(bus, standing), standing.revision)


def _sentence(verdict: Verdict) -> str:
    parts = [f"{one.figure} on {one.set} {one.difference}" for one in verdict.worse]
    return f"{verdict.candidate} is worse than {verdict.live}, which is live: {'; '.join(parts)}"
