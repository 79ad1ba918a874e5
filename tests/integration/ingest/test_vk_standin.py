"""The stand-in of VK itself: as a process of its own, told over HTTP, and seen by a person."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from deploy.standins.vk.loopback import Asked, Loopback, Said
from tests.integration.ingest.vk_town import GROUP, town


@pytest.fixture
def process() -> Iterator[httpx.Client]:
    started = subprocess.Popen([sys.executable, "-m", "deploy.standins.vk"], stdout=subprocess.PIPE)
    try:
        assert started.stdout is not None
        said = json.loads(started.stdout.readline())
        assert said["page"] == f"vk:-{GROUP}"
        with httpx.Client(base_url=said["address"], trust_env=False) as client:
            yield client
    finally:
        started.terminate()
        started.communicate(timeout=10)
    assert started.returncode == 0


def method(client: httpx.Client, name: str, token: str, **given: object) -> dict[str, object]:
    answer = client.post(f"/method/{name}", data=given | {"access_token": token, "v": "5.199"})
    assert answer.status_code == 200
    return answer.json()


def test_a_citizen_writes_and_the_pages_answer_is_seen_below(process: httpx.Client) -> None:
    assert "wall-456_1" in process.get("/").text
    assert process.post("/wall-456_1", data={"text": "Где <b>вода</b>?"}).status_code == 303
    place = {"owner_id": -GROUP, "post_id": 1}
    comments = method(process, "wall.getComments", "service", **place)
    (citizen,) = comments["response"]["items"]
    assert (citizen["text"], citizen["from_id"]) == ("Где <b>вода</b>?", 77)
    made = {"message": "Будет вечером", "from_group": GROUP, "reply_to_comment": citizen["id"], "guid": "g"}
    method(process, "wall.createComment", "community", **place, **made)
    page = process.get("/wall-456_1").text
    assert "Где &lt;b&gt;вода&lt;/b&gt;?" in page
    assert "Будет вечером" in page
    assert process.get("/wall-456_99").status_code == 404


def test_it_is_told_over_http_what_happens_and_what_to_do_wrong(process: httpx.Client) -> None:
    place = {"kind": "photo", "owner": -GROUP, "object": 5}
    made = process.post("/standin/comment", json=place | {"author": 78, "text": "Красиво"}).json()["id"]
    process.post("/standin/edit", json=place | {"number": made, "text": "Очень красиво"})
    process.post("/standin/faults", json={"fail": {"photos.getAllComments": [15]}, "guid_works": False})
    assert "error" in method(process, "photos.getAllComments", "user", owner_id=-GROUP)
    found = method(process, "photos.getAllComments", "user", owner_id=-GROUP)["response"]["items"]
    assert [each["text"] for each in found] == ["Очень красиво"]
    assert process.post("/standin/comment", json={"kind": "photo"}).status_code == 400
    assert process.post("/standin/nothing", json=place).status_code == 404


@pytest.mark.parametrize(
    ("name", "token", "code"),
    [
        ("wall.getComments", "community", 27),
        ("wall.deleteComment", "community", 27),
        ("wall.deleteComment", "service", 28),
        ("wall.createComment", "service", 28),
        ("groups.ban", "community", 27),
        ("execute", "service", 28),
        ("wall.getComments", "nobody", 5),
        ("poems.write", "user", 3),
    ],
)
async def test_each_method_takes_the_tokens_that_the_schema_names(name: str, token: str, code: int) -> None:
    async with town() as place, httpx.AsyncClient(trust_env=False) as client:
        data = {"access_token": token, "v": "5.199"}
        answer = await client.post(f"{place.standin.address}/method/{name}", data=data)
        assert answer.json()["error"]["error_code"] == code


async def test_a_hook_that_says_remove_is_never_called_again() -> None:
    async def remove(asked: Asked) -> Said:
        return Said(body=b"remove")

    async with town() as place, Loopback(remove) as server:
        callback = place.standin.callback(server.address, group=GROUP, secret=None, confirmation="c")
        place.world.comment(place.post, 77, "Где вода?")
        await callback.gone.wait()
        place.world.comment(place.post, 77, "Где вода?")
        assert callback.removed
        assert len(callback.deliveries) == 1
