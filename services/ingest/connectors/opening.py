"""The connectors that there are, opened together over one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Connector
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.max.connector import Max
from services.ingest.connectors.ok.connector import Known, Ok
from services.ingest.connectors.telegram.connector import Telegram
from services.ingest.connectors.vk.vk import Vk

Connect = Callable[[Gate], AbstractAsyncContextManager[Mapping[str, Connector]]]
"""Opens connectors, by platform, over a gate that all of them share; leaving it ends their connections."""


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the platforms' APIs are, and what certificates are trusted beside the system's."""

    vk: str
    telegram: str
    max: str
    ok: str
    ca_bundle: Path | None = None


def opening(addresses: Addresses, known: Known) -> Connect:
    """Opens all connectors of this release; raises OSError or ssl.SSLError where the bundle cannot be read."""

    @asynccontextmanager
    async def open_connectors(gate: Gate) -> AsyncIterator[Mapping[str, Connector]]:
        caller = Caller(gate, ca_bundle=addresses.ca_bundle)
        try:
            yield {
                "vk": Vk(caller, base=addresses.vk),
                "telegram": Telegram(caller, address=addresses.telegram),
                "max": Max(caller, address=addresses.max),
                "ok": Ok(caller, known, address=addresses.ok),
            }
        finally:
            await caller.close()

    return open_connectors
