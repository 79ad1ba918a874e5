"""Whether a version is there and can judge here: asked first, so that nobody waits for what cannot come."""

from __future__ import annotations

from services.classifier.life.disagreement import Comparison
from services.classifier.life.pointer import Version, target_of_rollback
from services.classifier.life.registry import Registry
from services.classifier.life.standing import Standing
from services.classifier.manifest import ModelError
from shared.errors import Conflict, NotFound


async def check_usable(registry: Registry, version: Version) -> None:
    """Raises NotFound for a version that is not published, Conflict for one that this release cannot judge with."""
    if version not in {item.version for item in await registry.versions()}:
        raise NotFound(f"no version {version} is published")
    await _check_loads(registry, version)


async def check_way_back(registry: Registry, standing: Standing, revision: int | None) -> None:
    """Raises Conflict when nothing was live before, or that version cannot be loaded any more.

    With another `revision` than that of `standing` it says nothing: then the roll back itself is refused.
    """
    if revision is not None and revision != standing.revision:
        return
    version = target_of_rollback(standing.live)
    if version is not None:
        await _check_loads(registry, version)


async def check_compared(registry: Registry, found: Comparison, *, packaged: Version) -> None:
    """Raises NotFound, which names them, when nothing was compared and one of the two versions is none that is
    published, nor the `packaged` one."""
    if found.compared or found.sample:
        return
    known = {packaged, *(item.version for item in await registry.versions())}
    if unknown := [name for name in (found.live, found.shadow) if name not in known]:
        raise NotFound(
            f"no version {' and no version '.join(unknown)} is published, and none was compared in thirty days"
        )


async def _check_loads(registry: Registry, version: Version) -> None:
    try:
        await registry.load(version)
    except ModelError as error:
        raise Conflict(str(error), extra={"why": "unusable"}) from error
