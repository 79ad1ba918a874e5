"""A connection with everything declared, and a process's part in the life of a model, without the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.classifier.life.live import Live
from services.classifier.life.registry import Loaded, Registry, load_folder
from services.classifier.life.standing import Pointers
from services.classifier.life.succession import Succession
from services.classifier.model import DEFAULT_MODEL
from shared.bus import Bus
from shared.clock import new_id, utc_now
from tests.fixtures.variants import variant


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_url, name="test") as bus:
        await bus.ensure()
        yield bus


@pytest.fixture(scope="package")
def base() -> Loaded:
    return load_folder(DEFAULT_MODEL)


@pytest.fixture
def registry(bus: Bus) -> Registry:
    return Registry(bus)


@pytest.fixture
def pointers(bus: Bus) -> Pointers:
    return Pointers(bus, clock=utc_now)


def replica(bus: Bus, base: Loaded) -> Succession:
    """What one process of the classifier holds."""
    return Succession(bus, base=base, live=Live(base.model), clock=utc_now, new_id=new_id)


@pytest.fixture
async def published(registry: Registry, tmp_path: Path) -> tuple[str, str]:
    """Two versions."""
    first, second = variant(tmp_path / "a", unsure=0.3), variant(tmp_path / "b", unsure=0.4)
    for folder in ("a", "b"):
        await registry.publish(tmp_path / folder, by="test")
    return first, second
