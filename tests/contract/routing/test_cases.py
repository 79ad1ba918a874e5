"""Cases over HTTP: what each verb does, what is refused and how, who sees what."""

from __future__ import annotations

import pytest

from tests.contract.routing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_question_becomes_a_case_that_explains_itself(town: World) -> None:
    id = await town.comment("Когда починят?", page="http:north", id="http:north:a/b+c=//d")
    standing = await town.get("north", f"/v1/comments/{id}")
    assert set(standing) == {
        "id", "tag", "scores", "topic", "flags", "model", "case_id", "institution", "state", "why", "unsure",
    }  # fmt: skip
    assert standing["id"] == id
    assert (standing["tag"], standing["institution"], standing["state"]) == ("question", "adm-north", "routed")
    assert standing["why"]["by"] == "page_owner"
    assert isinstance(standing["why"]["lost"], list)
    encoded = id.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D").replace(":", "%3A")
    assert (await town.get("north", f"/v1/comments/{encoded}")) == standing


async def test_the_way_of_a_case(town: World) -> None:
    case = await town.case(page="http:north")
    path = f"/v1/cases/{case['id']}"
    seen = await town.call("north", "GET", path, status=200)
    assert seen.headers["etag"] == '"1"'
    assert set(seen.json()["allowed"]) == {"accept", "return", "transfer"}
    accepted = await town.call("north", "POST", f"{path}/accept", status=200, If_Match='"1"')
    assert accepted.headers["etag"] == '"2"'
    assert accepted.json()["state"] == "accepted"
    await town.post("north", f"{path}/start", {})
    answer = await town.post("north", f"{path}/answer", {"text": "Починим завтра.", "outcome": "planned"})
    assert (answer["state"], answer["answer"], answer["outcome"]) == ("answered", "Починим завтра.", "planned")
    assert (await town.post("north", f"{path}/close"))["state"] == "closed"
    assert (await town.post("north", f"{path}/reopen", {"reason": "не починили"}))["state"] == "routed"
    log = await town.get("auditor", f"{path}/events")
    assert [entry["event"] for entry in log["items"] if entry["subject"] == "case"] == [
        "routed", "accepted", "started", "answered", "closed", "reopened",
    ]  # fmt: skip
    assert {entry["actor"] for entry in log["items"] if entry["subject"] == "case"} == {
        "system",
        town.key_id("north"),
    }
    first = await town.get("auditor", f"{path}/events?limit=2")
    rest = await town.get("auditor", f"{path}/events?cursor={first['next']}")
    paged = [entry["id"] for entry in first["items"] + rest["items"]]
    assert paged == [entry["id"] for entry in log["items"]]


async def test_an_answer_is_ordered_to_be_published(town: World) -> None:
    case = await town.case(page="http:south")
    await town.post("south", f"/v1/cases/{case['id']}/accept")
    await town.post("south", f"/v1/cases/{case['id']}/answer", {"text": "Ответ", "outcome": "explained"})
    events = await town.until(
        "admin",
        f"/v1/cases/{case['id']}/events",
        lambda log: any(entry["subject"] == "action" for entry in log["items"]),
    )
    ordered = next(entry for entry in events["items"] if entry["subject"] == "action")
    assert (ordered["event"], ordered["actor"]) == ("ordered", town.key_id("south"))


async def test_a_wrong_transition_is_409_and_says_what_is_allowed(town: World) -> None:
    case = await town.case()
    refused = await town.call("north", "POST", f"/v1/cases/{case['id']}/close", status=409)
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["state"] == "routed"
    assert set(problem["allowed"]) == {"accept", "return", "transfer"}


async def test_a_stale_if_match_is_412(town: World) -> None:
    case = await town.case()
    await town.post("north", f"/v1/cases/{case['id']}/accept", If_Match='"1"')
    stale = await town.call("north", "POST", f"/v1/cases/{case['id']}/start", status=412, If_Match='"1"')
    assert stale.headers["etag"] == '"2"'
    await town.post("north", f"/v1/cases/{case['id']}/start", If_Match='"2"')
    await town.call("north", "POST", f"/v1/cases/{case['id']}/return", {}, status=400, If_Match="seven")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("answer", {"text": "", "outcome": "resolved"}),
        ("answer", {"text": "нет исхода"}),
        ("answer", {"text": "плохой исход", "outcome": "done"}),
        ("answer", {"text": "\0", "outcome": "resolved"}),
        ("answer", {"text": "a" * 16_385, "outcome": "resolved"}),
        ("return", {"to": "adm-south"}),
        ("return", {"to": "nobody", "reason": "не наше"}),
        ("return", {"to": "adm-north", "reason": "сами себе"}),
        ("transfer", {"to": 7}),
        ("accept", {"surprise": True}),
        ("accept", {"reason": "a" * 501}),
        ("accept", []),
    ],
)
async def test_wrong_fields_are_400_and_change_nothing(town: World, verb: str, body: object) -> None:
    case = await town.case()
    path = f"/v1/cases/{case['id']}"
    await town.post("north", f"{path}/accept")
    problem = await town.post("north", f"{path}/{verb}", body, status=400)
    assert problem["title"] == "Invalid request"
    assert problem["detail"]
    after = await town.get("north", path)
    assert (after["state"], after["revision"]) == ("accepted", 2)


async def test_what_may_not_be_done_yet_is_named_as_it_was_asked_for(town: World) -> None:
    path = f"/v1/cases/{(await town.case())['id']}"
    refused = await town.post("north", f"{path}/answer", {"text": "Да", "outcome": "explained"}, status=409)
    assert refused["detail"].startswith("answer: not open to agent for a case that is routed; allowed: accept, ")
    wrong = await town.post("north", f"{path}/answer", {"text": "Да", "outcome": "fixed"}, status=400)
    assert "must be one of explained, not_competent" in wrong["detail"]


async def test_handing_back_names_who_is_responsible_and_goes_there(town: World) -> None:
    case = await town.case(page="http:north")
    path = f"/v1/cases/{case['id']}"
    moved = await town.post("north", f"{path}/return", {"to": "adm-south", "reason": "Южный район"})
    assert (moved["institution"], moved["state"]) == ("adm-south", "routed")
    assert moved["allowed"] == [], "it is no longer for this key to move"
    await town.get("north", path, 404)
    assert (await town.get("south", path))["route"]["by"] == "person"


async def test_what_one_may_not_see_is_not_there(town: World) -> None:
    case = await town.case(page="http:north")
    for role, status in (
        ("north", 200), ("gov", 200), ("admin", 200), ("auditor", 200), ("coordinator", 200), ("coordinator-n", 200),
        ("south", 404), ("school", 404), ("coordinator-s", 404),
        ("moderator", 403), ("ingest", 403), ("service", 403),
    ):  # fmt: skip
        for path in (f"/v1/cases/{case['id']}", f"/v1/cases/{case['id']}/events"):
            assert (await town.call(role, "GET", path)).status_code == status, (role, path)
    strangers = await town.call("south", "GET", f"/v1/cases/{case['id']}")
    unknown = await town.call("south", "GET", "/v1/cases/01900000-0000-7000-8000-000000000000")
    assert {**strangers.json(), "instance": ""} == {**unknown.json(), "instance": ""}
    for role, status in (("south", 404), ("coordinator-s", 404), ("auditor", 403), ("moderator", 403)):
        await town.post(role, f"/v1/cases/{case['id']}/accept", status=status)
    assert (await town.get("admin", f"/v1/cases/{case['id']}"))["revision"] == 1


@pytest.mark.parametrize(
    "id", ["x", "0", "%00", "01900000-0000-4000-8000-000000000000", "'; DROP TABLE cases", "ё" * 300]
)
async def test_ids_that_could_not_be_ours_are_404(town: World, id: str) -> None:
    for path in (f"/v1/cases/{id}", f"/v1/cases/{id}/events", f"/v1/comments/{id}", f"/v1/institutions/{id}"):
        answer = await town.call("admin", "GET", path, status=404)
        assert answer.headers["content-type"] == "application/problem+json"
    await town.call("admin", "POST", f"/v1/moderation/{id}/lease", status=404)
    await town.call("admin", "GET", f"/v1/queues/{id}/cases", status=404)


async def test_a_comment_is_404_until_it_was_tagged(town: World) -> None:
    await town.get("admin", "/v1/comments/http:north:never", 404)
    id = await town.comment(tag="other", page="http:north")
    standing = await town.get("admin", f"/v1/comments/{id}")
    assert [standing[name] for name in ("case_id", "institution", "state", "why")] == [None] * 4
    for role, status in (
        ("moderator", 200), ("auditor", 200), ("coordinator-n", 200),
        ("north", 404), ("coordinator-s", 404), ("moderator-s", 404), ("ingest", 403),
    ):  # fmt: skip
        assert (await town.call(role, "GET", f"/v1/comments/{id}")).status_code == status, role


async def test_without_a_key_nothing_is_shown(town: World) -> None:
    for path in ("/v1/comments/x", "/v1/cases/x", "/v1/queues/root/cases", "/v1/stats", "/v1/events"):
        answer = await town.bare("GET", path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
