"""The connectors that there are, opened together over one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from services.ingest.connectors.connector import Connector
from services.ingest.connectors.gate import Gate

Connect = Callable[[Gate], AbstractAsyncContextManager[Mapping[str, Connector]]]
"""Opens connectors, by platform, over a gate that all of them share; leaving it ends their connections."""


@asynccontextmanager
async def open_connectors(gate: Gate) -> AsyncIterator[Mapping[str, Connector]]:
    """All connectors of this release."""
    yield {}
