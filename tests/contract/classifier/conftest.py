"""The classifier's application as a client meets it, with the packaged model; a test module names its `path`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from services.classifier.app import make_http
from services.classifier.life.live import Live
from services.classifier.model import Model
from tests.fixtures.inprocess import client_of
from tests.fixtures.keys import KeyCase


class Desk:
    """Speaks to the application as a client does."""

    def __init__(self, client: httpx.AsyncClient, model: Model, path: str) -> None:
        self.client = client
        self.model = model
        self.path = path

    async def ask(self, content: Any, **headers: str) -> httpx.Response:
        """Posts to the path that is tested; structures are encoded, bytes go as they are."""
        if not isinstance(content, bytes):
            content = msgspec.json.encode(content)
        return await self.client.post(
            self.path, content=content, headers={"Content-Type": "application/json"} | headers
        )


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load()


@pytest.fixture
async def desk(keys: KeyCase, model: Model, path: str) -> AsyncIterator[Desk]:
    """The application with a moderator's key."""
    await keys.start()
    async with client_of(make_http(Live(model), keyring=keys.ring)) as client:
        client.headers["Authorization"] = f"Bearer {await keys.make('moderator')}"
        yield Desk(client, model, path)
    await keys.stop()


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return str(answer.json()["detail"])
