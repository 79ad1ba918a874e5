"""The orders service in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from litestar import Litestar

from shared.web import Service, create_app
from tests.fixtures.inprocess import client_of
from tests.fixtures.keys import KeyCase
from tests.fixtures.orders import HANDLERS


@pytest.fixture
def app(keys: KeyCase) -> Service:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await keys.start()
        yield
        await keys.stop()

    return create_app(title="Test", version="1.2.3", route_handlers=HANDLERS, keyring=keys.ring, lifespan=[lifespan])


@pytest.fixture
async def client(app: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client
