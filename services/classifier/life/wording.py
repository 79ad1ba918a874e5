"""How versions are told at the command line."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path

from services.classifier.life.pointer import MAX_BEFORE, Version
from services.classifier.life.registry import PublishedVersion
from services.classifier.life.standing import Standing
from services.classifier.manifest import ModelError, read_manifest
from services.classifier.model import DEFAULT_MODEL

PACKAGED = "packaged"
"""How the model that comes with the program is named here."""


def base_folder() -> Path:
    """Where the model lies that is live before any promotion, as `serve` has it."""
    return Path(os.environ.get("OTKLIK_MODEL_PATH") or DEFAULT_MODEL)


def told(standing: Standing) -> str:
    """After a change: what is live now, and the shadow."""
    return f"live: {shown(standing.live.version)} (revision {standing.revision}); shadow: {shadow_shown(standing)}"


def shown(version: Version | None) -> str:
    """A version, or the one that comes with the program by both its names."""
    if version is not None:
        return version
    try:
        return f"{PACKAGED} ({read_manifest(base_folder()).version})"
    except ModelError:  # the service says what is wrong with it
        return PACKAGED


def shadow_shown(standing: Standing) -> str:
    """The shadow, or why there is none although one was set."""
    if standing.shadow.version is not None and standing.shadow_version is None:
        return f"none ({standing.shadow.version} was it, and is again when another one is live)"
    return standing.shadow_version or "none"


def why_kept(version: str, standing: Standing) -> str | None:
    """Why it cannot be removed, and what would change that."""
    if version == PACKAGED:
        return f"no version {PACKAGED} is published: that is the model which comes with the program"
    if version == standing.live.version:
        return f"{version} is live; `models rollback` ends that (after a promotion it is kept as a way back)"
    if version == standing.shadow.version:
        return f"{version} is the shadow; `models shadow --none` ends that"
    if version in standing.live.before:
        steps = len(standing.live.before) - standing.live.before.index(version)
        back = "`models rollback` leads to it" if steps == 1 else f"{steps} times `models rollback` lead to it"
        kept = f"it is kept until {MAX_BEFORE} promotions have followed, or one has gone back past it"
        return f"{version} can be rolled back to ({back}); {kept}"
    return None


def line_of(item: PublishedVersion, standing: Standing) -> str:
    """Version, time of publication, size, whether it is live or the shadow, macro-F1 of the tag by its card."""
    marks = [
        mark
        for mark, version in (("live", standing.live.version), ("shadow", standing.shadow_version))
        if version == item.version
    ]
    figures = [f"{name} {values['macro_f1']:.3f}" for name, values in item.figures.items() if "macro_f1" in values]
    return "\t".join(
        (
            item.version,
            f"{item.published_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            f"{item.bytes / 1e6:.1f} MB",
            ",".join(marks) or "-",
            f"macro-F1: {'; '.join(figures)}" if figures else "no figures",
        )
    )
