"""`/v1/sources` as an administrator uses it, over the real broker; and that no secret ever leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar.handlers import BaseRouteHandler

from services.ingest.connectors.connector import Connector, Rights
from services.ingest.connectors.failure import NotSent
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.received import skipped, unusable
from services.ingest.forgetting import KEPT
from services.ingest.sources.api import SourceController
from services.ingest.sources.vault import new_key
from shared.bus import Outgoing, dead
from shared.clock import utc_now
from shared.events import CommentCreated, DeadLetter
from tests.contract.ingest.conftest import Desk, open_desk
from tests.fixtures.connector import TableConnector
from tests.unit.ingest.platform_memory import happened

TOKEN = "vk1.a.token-of-the-tests"
USER_TOKEN = "vk1.a.user-token-of-the-tests"
ADDED = {
    "id": "city-vk",
    "platform": "vk",
    "page": "vk:-123",
    "secrets": {"community_token": TOKEN, "confirmation": "ab12cd34"},
}
KEY = new_key()
GUIDE = (Path(__file__).parents[3] / "docs/api.md").read_text(encoding="utf-8")


class Sources:
    """The desk, and what its platform says."""

    def __init__(self, desk: Desk, vk: TableConnector) -> None:
        self.desk = desk
        self.vk = vk

    async def call(self, method: str, path: str = "", body: Any = None, **headers: str) -> httpx.Response:
        """Asks /v1/sources, and holds the answer against the promise that no token stands in it."""
        answer = await self.desk.client.request(method, f"/v1/sources{path}", json=body, headers=headers)
        assert TOKEN not in answer.text
        assert USER_TOKEN not in answer.text
        return answer

    async def add(self, **fields: Any) -> httpx.Response:
        """Adds ADDED with other fields."""
        return await self.call("POST", body=ADDED | fields)


@asynccontextmanager
async def opened(nats_url: str, sqlite_url: str, **given: Any) -> AsyncIterator[Sources]:
    vk = TableConnector("vk", {TOKEN: Rights(name="Город", reads=True, acts=("reply",), problems=("no user token",))})

    @asynccontextmanager
    async def connect(gate: Gate) -> AsyncIterator[Mapping[str, Connector]]:
        yield {"vk": vk, "telegram": vk}

    settings = {"sources_key": KEY, "public_url": "https://otklik.example"} | given
    async with open_desk(nats_url, sqlite_url, connect=connect, **settings) as desk:
        yield Sources(desk, vk)


@pytest.fixture
async def sources(nats_url: str, sqlite_url: str) -> AsyncIterator[Sources]:
    async with opened(nats_url, sqlite_url) as found:
        yield found


def test_the_guide_names_every_request() -> None:
    handlers = [it for it in vars(SourceController).values() if isinstance(it, BaseRouteHandler)]
    ends = {path.rstrip("/").rpartition("/")[2] for it in handlers for path in it.paths}
    assert {"pause", "redo"} <= ends
    for end in ends - {""}:
        assert f"/{end}`" in GUIDE or end == "{source_id:str}"


async def test_a_source_is_added_and_tells_once_what_to_paste_where(sources: Sources) -> None:
    answer = await sources.add()

    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"].strip('"').isdigit()
    body = answer.json()
    source, told = body["source"], body["instructions"]
    assert source["hook"] == told["hook"] == "https://otklik.example/hooks/vk/city-vk"
    assert source["secrets_set"] == ["community_token", "hook_secret", "confirmation"]
    assert source["health"]["state"] == "waiting"
    assert not source["acting"]
    assert 40 <= len(told["secret"]) <= 50
    for words in (told["ru"], told["en"]):
        assert any(told["hook"] in line for line in words)
        assert any(told["secret"] in line for line in words)

    again = await sources.call("GET", "/city-vk")
    assert again.json() == source
    assert again.headers["etag"] == answer.headers["etag"]
    listed = (await sources.call("GET")).json()
    assert listed == {"items": [source], "next": None, "unreadable": []}
    for later in (again.text, str(listed)):
        assert told["secret"] not in later


async def test_a_source_says_what_its_credentials_are_for(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.vk, "acts", lambda it: ("reply", "delete") if it.secrets.user_token else ("reply",))
    assert (await sources.add(acting=True)).json()["source"]["can"] == ["reply"]
    changed = await sources.call("PATCH", "/city-vk", {"secrets": {"user_token": USER_TOKEN}})
    assert changed.json()["source"]["can"] == ["reply", "delete"]
    assert [each["can"] for each in (await sources.call("GET")).json()["items"]] == [["reply", "delete"]]


async def test_what_is_kept_at_the_broker_holds_no_secret_in_the_open(sources: Sources) -> None:
    secret = (await sources.add()).json()["instructions"]["secret"]
    raw = b"".join((await (await sources.desk.bus.bucket("sources")).entries()).values())
    for hidden in (TOKEN, secret, "ab12cd34"):
        assert hidden.encode() not in raw


async def test_everything_that_is_wrong_is_named_with_what_would_be_right(sources: Sources) -> None:
    answer = await sources.add(
        id="City VK", page="vk:123", way="mail", group="-5", pace_seconds=-1, secrets={"bot_token": TOKEN}
    )

    assert answer.status_code == 400
    told = {error["path"]: error["message"] for error in answer.json()["errors"]}
    assert set(told) == {"$.id", "$.page", "$.way", "$.group", "$.secrets.bot_token", "$.pace_seconds"}
    assert told["$.page"] == "must be the community's id with a minus, as in vk:-123"
    assert told["$.way"] == "must be hook or poll for vk"


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"platform": "http"}, "$.platform", "API key"),
        ({"platform": "ok", "page": "ok:5", "secrets": {}}, "$.secrets.access_token", "missing"),
        ({"platform": "telegram", "page": "telegram:-1001", "secrets": {}}, "$.secrets.bot_token", "missing"),
        (
            {"platform": "telegram", "page": "telegram:-1001", "secrets": {"bot_token": "zzz"}},
            "$.secrets.bot_token",
            "the bot's number, a colon",
        ),
        ({"way": "poll", "secrets": {}}, "$.secrets.community_token", "missing"),
        ({"secrets": {"community_token": "with blank"}}, "$.secrets.community_token", "without blanks"),
        ({"daily_ceiling": 10_001}, "$.daily_ceiling", "0 to 10000"),
    ],
)
async def test_each_platform_has_its_needs(sources: Sources, fields: dict[str, Any], path: str, words: str) -> None:
    answer = await sources.add(**fields)
    assert answer.status_code == 400
    assert any(error["path"] == path and words in error["message"] for error in answer.json()["errors"]), answer.text


async def test_a_secret_that_we_make_cannot_be_given(sources: Sources) -> None:
    answer = await sources.add(secrets={"hook_secret": "mine"})
    assert answer.status_code == 400
    assert "hook_secret" in answer.json()["detail"]
    assert "mine" not in answer.text


async def test_an_id_and_a_page_are_taken_once(sources: Sources) -> None:
    assert (await sources.add()).status_code == 201
    same_id = await sources.add(page="vk:-124")
    assert (same_id.status_code, "city-vk already" in same_id.json()["detail"]) == (409, True)
    same_page = await sources.add(id="other")
    assert same_page.status_code == 409
    assert same_page.json()["detail"] == "vk:-123 belongs to the source city-vk: remove that one first"

    assert (await sources.call("DELETE", "/city-vk")).status_code == 204
    assert (await sources.call("GET", "/city-vk")).status_code == 404
    assert (await sources.add(id="other")).status_code == 201


async def test_of_many_that_want_the_same_page_at_once_one_gets_it(sources: Sources) -> None:
    answers = await asyncio.gather(*(sources.add(id=f"s{number}") for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    listed = (await sources.call("GET")).json()
    assert len(listed["items"]) == 1


async def test_there_is_room_for_so_many(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.sources.desk.MAX_SOURCES", 1)
    assert (await sources.add()).status_code == 201
    full = await sources.add(id="second", page="vk:-124")
    assert (full.status_code, full.json()["detail"]) == (409, "there are 1 sources already: remove some first")


async def test_any_replica_tells_what_another_did(sources: Sources, nats_url: str, tmp_path: Path) -> None:
    await sources.add()
    async with opened(nats_url, f"sqlite:///{tmp_path}/other.db") as other:
        assert (await other.call("GET", "/city-vk")).json()["health"]["state"] == "waiting"
        assert (await sources.call("POST", "/city-vk/test")).json()["works"]
        async with asyncio.timeout(10):
            while (health := (await other.call("GET", "/city-vk")).json()["health"])["state"] == "waiting":
                await asyncio.sleep(0.1)
        assert (health["state"], health["rights"]["name"]) == ("working", "Город")

        await other.call("POST", "/city-vk/pause")
        assert not (await sources.call("GET", "")).json()["items"][0]["active"]


async def test_nothing_that_is_logged_holds_a_secret(sources: Sources, capfd: pytest.CaptureFixture[str]) -> None:
    secret = (await sources.add()).json()["instructions"]["secret"]
    await sources.add(secrets={"community_token": TOKEN, "user_token": "with blank " + USER_TOKEN})
    await sources.call("PATCH", "/city-vk", {"secrets": {"user_token": USER_TOKEN}})
    await sources.call("POST", "/city-vk/test")
    sources.vk.failure = NotSent(f"not reached with {TOKEN}")
    await sources.call("POST", "/city-vk/test")
    await sources.call("POST", "", ADDED | {"more": TOKEN})
    logged = "".join(capfd.readouterr())
    assert "request" in logged
    for hidden in (TOKEN, USER_TOKEN, secret, KEY):
        assert hidden not in logged


async def test_a_test_tells_rights_and_what_is_missing(sources: Sources) -> None:
    await sources.add()
    answer = await sources.call("POST", "/city-vk/test")
    assert answer.status_code == 200
    rights = {"name": "Город", "reads": True, "acts": ["reply"], "problems": ["no user token"], "group": None}
    assert answer.json() == {"works": True, "rights": rights, "error": None}
    health = (await sources.call("GET", "/city-vk")).json()["health"]
    assert (health["state"], health["rights"]) == ("working", rights)


async def test_a_test_finds_the_discussion_group(sources: Sources) -> None:
    token = "700:token-of-the-tests"
    fields = {"platform": "telegram", "page": "telegram:-1001", "secrets": {"bot_token": token}}
    assert (await sources.add(**fields)).json()["source"]["group"] is None
    sources.vk.rights[token] = Rights(reads=True, group="-1007")
    assert (await sources.call("POST", "/city-vk/test")).json()["works"]
    found = (await sources.call("GET", "/city-vk")).json()
    assert (found["group"], found["changed_by"]) == ("-1007", "ingest")


async def test_a_test_that_the_platform_refuses_tells_why_without_the_token(sources: Sources) -> None:
    await sources.add(secrets={"community_token": USER_TOKEN})
    answer = await sources.call("POST", "/city-vk/test")
    assert answer.status_code == 200
    assert (answer.json()["works"], answer.json()["error"]["kind"]) == (False, "bad_credential")
    assert "[withheld]" in answer.json()["error"]["detail"]
    health = (await sources.call("GET", "/city-vk")).json()["health"]
    assert health["state"] == "no_credentials"

    await sources.call("PATCH", "/city-vk", {"secrets": {"community_token": TOKEN}})
    assert (await sources.call("POST", "/city-vk/test")).json()["works"]
    assert (await sources.call("GET", "/city-vk")).json()["health"]["state"] == "working"

    sources.vk.failure = NotSent("not reached: ConnectError")
    assert (await sources.call("POST", "/city-vk/test")).json()["error"]["kind"] == "not_reached"
    listed = (await sources.call("GET", "?state=failing")).json()["items"]
    assert [item["health"]["why"] for item in listed] == ["not_reached: not reached: ConnectError"]
    assert (await sources.call("GET", "?state=working")).json()["items"] == []


async def test_a_platform_without_a_connector_is_told_so(sources: Sources) -> None:
    await sources.add(id="max", platform="max", page="max:-5", secrets={"bot_token": TOKEN})
    answer = await sources.call("POST", "/max/test")
    assert (answer.status_code, answer.json()["detail"]) == (409, "there is no connector for max in this release")


async def test_pause_resume_and_versions(sources: Sources) -> None:
    first = await sources.add()
    paused = await sources.call("POST", "/city-vk/pause", **{"If-Match": first.headers["etag"]})
    assert (paused.status_code, paused.json()["source"]["active"]) == (200, False)
    assert paused.json()["source"]["health"]["state"] == "paused"
    assert paused.json()["instructions"] is None

    stale = await sources.call("PATCH", "/city-vk", {"acting": True}, **{"If-Match": first.headers["etag"]})
    assert stale.status_code == 412
    assert stale.headers["etag"] == paused.headers["etag"]

    resumed = await sources.call("POST", "/city-vk/resume")
    assert resumed.json()["source"]["health"]["state"] == "waiting"
    assert (await sources.call("DELETE", "/city-vk", **{"If-Match": first.headers["etag"]})).status_code == 412


async def test_what_is_changed_changes_and_the_rest_stays(sources: Sources) -> None:
    secret = (await sources.add()).json()["instructions"]["secret"]
    body = {
        "acting": True,
        "pace_seconds": 10,
        "daily_ceiling": 0,
        "secrets": {"user_token": USER_TOKEN, "confirmation": None},
    }
    changed = (await sources.call("PATCH", "/city-vk", body)).json()["source"]
    assert (changed["acting"], changed["pace_seconds"], changed["daily_ceiling"]) == (True, 10.0, 0)
    assert changed["secrets_set"] == ["community_token", "user_token", "hook_secret"]

    renewed = (await sources.call("PATCH", "/city-vk", {"new_hook_secret": True})).json()
    assert renewed["instructions"]["secret"] not in ("", None, secret)
    assert renewed["source"]["secrets_set"] == changed["secrets_set"]
    assert (await sources.call("PATCH", "/city-vk", {})).status_code == 400


async def test_a_secret_that_is_needed_cannot_be_taken_away(sources: Sources) -> None:
    await sources.add(way="poll")
    answer = await sources.call("PATCH", "/city-vk", {"secrets": {"community_token": None}})
    assert answer.status_code == 400
    assert "$.secrets.community_token" in answer.text
    answer = await sources.call("PATCH", "/city-vk", {"new_hook_secret": True})
    assert "this source is polled and has no hook" in answer.json()["detail"]


async def test_who_may_what(sources: Sources) -> None:
    await sources.add()
    coordinator = await sources.desk.key("coordinator", territory="root")
    agent = await sources.desk.key("agent", institution="school-7")
    assert (await sources.call("GET", "/city-vk", **coordinator)).status_code == 200
    assert (await sources.call("POST", "/city-vk/pause", **coordinator)).status_code == 403
    assert (await sources.call("DELETE", "/city-vk", **coordinator)).status_code == 403
    assert (await sources.call("GET", "", **agent)).status_code == 403


async def test_the_list_comes_in_pages(sources: Sources) -> None:
    for number in range(5):
        assert (await sources.add(id=f"s{number}", page=f"vk:-{number + 1}")).status_code == 201
    found, cursor = [], ""
    while True:
        page = (await sources.call("GET", f"?limit=2{cursor}")).json()
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == [f"s{number}" for number in range(5)]
    assert (await sources.call("GET", "?platform=ok")).json()["items"] == []
    assert (await sources.call("GET", "?cursor=nonsense")).status_code == 400


async def test_what_cannot_be_read_is_named_and_can_only_be_removed(sources: Sources) -> None:
    await sources.add()
    await (await sources.desk.bus.bucket("sources")).put("broken", b"{")
    listed = (await sources.call("GET")).json()
    assert [item["id"] for item in listed["items"]] == ["city-vk"]
    assert [item["id"] for item in listed["unreadable"]] == ["broken"]
    assert (await sources.call("GET", "/broken")).status_code == 409
    assert (await sources.call("DELETE", "/broken")).status_code == 204
    assert (await sources.call("GET")).json()["unreadable"] == []


async def test_without_a_key_one_line_says_what_to_set(nats_url: str, sqlite_url: str) -> None:
    async with opened(nats_url, sqlite_url, sources_key="") as sources:
        answer = await sources.add()
        assert answer.status_code == 409
        assert answer.json()["detail"].startswith("set OTKLIK_SOURCES_KEY (`python -m services.ingest source key new`")
        assert (await sources.desk.client.get("/readyz")).status_code == 200


async def test_another_key_closes_what_it_does_not_open_and_nothing_else(nats_url: str, sqlite_url: str) -> None:
    async with opened(nats_url, sqlite_url) as sources:
        await sources.add()
    other = new_key()
    async with opened(nats_url, sqlite_url, sources_key=other) as sources:
        await sources.add(id="second", page="vk:-124")
        states = {item["id"]: item["health"]["state"] for item in (await sources.call("GET")).json()["items"]}
        assert states == {"city-vk": "no_credentials", "second": "waiting"}
        why = (await sources.call("GET", "/city-vk")).json()["health"]["why"]
        assert why.startswith("no key in OTKLIK_SOURCES_KEY opens its credentials")
        assert (await sources.call("POST", "/city-vk/test")).status_code == 409
        # Given anew, its credentials are sealed with the key that there is.
        given = (await sources.call("PATCH", "/city-vk", {"secrets": {"community_token": TOKEN}})).json()
        assert given["instructions"]["secret"]
        assert given["source"]["health"]["state"] == "waiting"
    async with opened(nats_url, sqlite_url, sources_key=f"{KEY}, {other}") as sources:
        assert (await sources.call("POST", "/city-vk/test")).json()["works"]


async def test_without_a_public_address_the_answer_says_what_to_set(nats_url: str, sqlite_url: str) -> None:
    async with opened(nats_url, sqlite_url, public_url="") as sources:
        told = (await sources.add()).json()["instructions"]
        assert "OTKLIK_PUBLIC_URL" in told["en"][0]
        assert "OTKLIK_PUBLIC_URL" in told["ru"][0]


async def letters(sources: Sources) -> list[int]:
    return [it.number async for it in dead.letters(sources.desk.bus, service="ingest")]


async def call_hook(sources: Sources, body: bytes) -> None:
    """Genuine, as every call is to a TableConnector."""
    assert (await sources.desk.client.post("/hooks/vk/city-vk", content=body)).status_code == 200


async def test_what_no_release_could_read_is_taken_in_by_one_that_can(sources: Sources) -> None:
    await sources.add()
    sources.vk.told = None
    await call_hook(sources, b"beyond us")
    assert await letters(sources) == [1]

    refused = await sources.call("POST", "/city-vk/letters/1/redo")
    assert refused.status_code == 409
    assert "cannot be read by this release either: expected something else" in refused.json()["detail"]
    assert await letters(sources) == [1]

    comment = happened("7", key="7", page="vk:-123")
    sources.vk.told = [comment, skipped("like_add"), unusable("without an id", {})]
    half = await sources.call("POST", "/city-vk/letters/1/redo")
    assert half.status_code == 200
    assert half.json() == {"accepted": 1, "repeated": 0, "skipped": 1, "unusable": 1, "dropped": False}
    assert await letters(sources) == [1]

    sources.vk.told = [comment, happened("8", key="8", page="vk:-123")]
    whole = await sources.call("POST", "/city-vk/letters/1/redo")
    assert whole.json() == {"accepted": 1, "repeated": 1, "skipped": 0, "unusable": 0, "dropped": True}
    assert await letters(sources) == []
    assert [event.id for event in await sources.desk.stored() if isinstance(event, CommentCreated)] == ["vk:7", "vk:8"]
    assert (await sources.call("POST", "/city-vk/letters/1/redo")).status_code == 404


async def test_a_letter_in_which_nothing_is_a_comment_stays(sources: Sources) -> None:
    await sources.add()
    sources.vk.told = None
    await call_hook(sources, b"beyond us")
    sources.vk.told = [skipped("answer")]
    answer = await sources.call("POST", "/city-vk/letters/1/redo")
    assert answer.json() == {"accepted": 0, "repeated": 0, "skipped": 1, "unusable": 0, "dropped": False}
    assert await letters(sources) == [1]


@pytest.mark.parametrize("since", [{"event": "edited", "text": "newer"}, {"event": "deleted", "text": None}])
async def test_what_a_letter_says_of_a_comment_that_has_changed_since_is_not_told(
    sources: Sources, since: dict[str, str | None]
) -> None:
    await sources.add()
    sources.vk.told = [happened("7", key="1", page="vk:-123")]
    await call_hook(sources, b"created")
    sources.vk.told = None
    await call_hook(sources, b"beyond us")
    sources.vk.told = [happened("7", key="3", page="vk:-123", **since)]
    await call_hook(sources, b"since")
    before = await sources.desk.stored()

    older = happened("7", key="2", page="vk:-123", event="edited", text="older")
    sources.vk.told = [older, msgspec.structs.replace(older, key=None, read_back=True)]
    answer = await sources.call("POST", "/city-vk/letters/1/redo")
    assert answer.json() == {"accepted": 0, "repeated": 2, "skipped": 0, "unusable": 0, "dropped": True}
    assert await sources.desk.stored() == before


async def test_a_letter_older_than_comments_are_known_is_refused(sources: Sources) -> None:
    await sources.add()
    old = DeadLetter(
        service="ingest",
        reason="undecodable",
        detail="expected something else",
        stream="",
        sequence=0,
        consumer="source-city-vk",
        subject="",
        deliveries=1,
        at=utc_now() - KEPT,
        payload=b"beyond us",
    )
    await sources.desk.bus.publish([Outgoing(event=old, msg_id="old")])
    sources.vk.told = [happened("7", key="7", page="vk:-123")]
    refused = await sources.call("POST", "/city-vk/letters/1/redo")
    assert refused.status_code == 409
    assert "older than 30 days" in refused.json()["detail"]
    assert await letters(sources) == [1]
    assert await sources.desk.stored() == []


async def test_another_letter_than_one_of_the_source_is_refused(sources: Sources) -> None:
    await sources.add()
    await sources.add(id="town-vk", page="vk:-124")
    sources.vk.told = None
    await call_hook(sources, b"beyond us")
    other = await sources.call("POST", "/town-vk/letters/1/redo")
    assert other.status_code == 409
    assert "did not come from the source town-vk, but from source-city-vk" in other.json()["detail"]
    assert (await sources.call("POST", "/nobody/letters/1/redo")).status_code == 404
    assert (await sources.call("POST", "/city-vk/letters/9/redo")).status_code == 404
    assert (await sources.call("POST", "/city-vk/letters/0/redo")).status_code == 400
    reader = await sources.desk.key("coordinator", territory="root")
    assert (await sources.call("POST", "/city-vk/letters/1/redo", **reader)).status_code == 403
