"""The stand-ins as a process of their own: pages in two languages, forms, orders over HTTP, and what they keep."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.stack import ROOT

PLATFORMS = ["vk", "telegram", "max", "ok"]
PORTS = [text for platform in PLATFORMS for text in ("--at", f"{platform}=0")]
WORDS = "Где <b>вода</b>?\nЖдём & надеемся"


class Outline(HTMLParser):
    """What a screen reader goes by."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: list[str] = []
        self.labelled: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []
        self.language = ""
        self.scripts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "id" in given:
            self.ids.append(str(given["id"]))
        if tag in ("textarea", "select") or (tag == "input" and given.get("type") != "hidden"):
            self.fields.append(str(given.get("id")))
        if tag == "label":
            self.labelled.append(str(given.get("for")))
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        self.language = str(given["lang"]) if tag == "html" else self.language
        self.scripts += tag == "script"


@contextmanager
def process(module: str, *options: str) -> Iterator[dict[str, str]]:
    """A process of stand-ins; addresses by platform."""
    command = [sys.executable, "-m", module, *options]
    started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None
        lines = 4 if module == "deploy.standins" else 1
        told = [json.loads(started.stdout.readline()) for _ in range(lines)]
        yield {each["platform"]: each["address"] for each in told}
    finally:
        started.terminate()
        started.communicate(timeout=60)
    assert started.returncode == 0


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    with process("deploy.standins", *PORTS) as started:
        yield started


@pytest.fixture(params=PLATFORMS)
def client(request: pytest.FixtureRequest, addresses: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=addresses[request.param], trust_env=False, timeout=30) as client:
        yield client


def shown(client: httpx.Client) -> dict[str, Any]:
    page: dict[str, Any] = client.get("/standin/shown").json()
    return page


def comments(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for post in shown(client)["posts"] for each in post["comments"]}


def test_a_citizen_writes_answers_edits_and_deletes_by_form_alone(client: httpx.Client) -> None:
    post = shown(client)["posts"][-1]["id"]
    before = set(comments(client))
    answer = client.post("/say?lang=en", data={"post": post, "text": WORDS, "who": "101"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/?lang=en#c-")
    (made,) = set(comments(client)) - before
    assert comments(client)[made]["text"] == WORDS
    assert "Где &lt;b&gt;вода&lt;/b&gt;?<br>Ждём &amp; надеемся" in client.get("/").text
    client.post("/say", data={"post": post, "to": made, "text": "И у нас нет", "who": "101"})
    (below,) = set(comments(client)) - before - {made}
    assert comments(client)[below]["to"] == made
    client.post("/reword", data={"comment": made, "text": "Где горячая вода?"})
    assert comments(client)[made]["text"] == "Где горячая вода?"
    client.post("/remove", data={"comment": below})
    assert comments(client).get(below, {"deleted": True})["deleted"]


def test_a_page_is_plain_labelled_and_says_in_both_languages_what_it_is(client: httpx.Client) -> None:
    post = shown(client)["posts"][0]["id"]
    client.post("/say", data={"post": post, "text": "Где вода?"})
    for language, warning in (("ru", "тестовый двойник"), ("en", "test double")):
        answer = client.get(f"/?lang={language}")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        outline = Outline(answer.text)
        assert outline.language == language
        assert outline.scripts == 0
        assert "http" not in answer.text, "nothing is fetched from elsewhere"
        assert warning in answer.text[: answer.text.index("<h1")]
        assert len(outline.ids) == len(set(outline.ids))
        assert set(outline.fields) <= set(outline.labelled)
        assert outline.headings[0] == "h1"
        assert outline.headings.count("h1") == 1
    assert Outline(client.get("/", headers={"Accept-Language": "en-GB,ru;q=0.5"}).text).language == "en"
    assert Outline(client.get("/", headers={"Accept-Language": "de"}).text).language == "ru"


def test_a_long_id_is_broken_before_it_runs_out_of_the_page(client: httpx.Client) -> None:
    style = client.get("/").text.partition("body{")[2].partition("}")[0]
    assert "overflow-wrap:anywhere" in style


def test_a_page_promises_no_answer_where_only_a_person_can_write_one(addresses: dict[str, str]) -> None:
    for platform, address in addresses.items():
        page = httpx.get(address, params={"lang": "en"}, trust_env=False, timeout=30).text
        assert ("Only a person can answer here" in page) == (platform == "ok")
        assert ("The answer appears below it." in page) == (platform != "ok")


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("say", {"post": "no-such", "text": "Вода"}),
        ("say", {"post": "", "text": " "}),
        ("say", {"post": "1", "text": "Вода", "who": "me"}),
        ("reword", {"comment": "no-such:1", "text": "Вода"}),
        ("remove", {"comment": ""}),
        ("remove", {}),
    ],
)
def test_what_cannot_be_is_refused_in_words(client: httpx.Client, form: str, fields: dict[str, str]) -> None:
    for language, words in (("ru", "Не получилось"), ("en", "That did not work")):
        answer = client.post(f"/{form}?lang={language}", data=fields)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        outline = Outline(answer.text)
        assert (outline.language, outline.headings, outline.scripts) == (language, ["h1"], 0)
        assert words in answer.text
        assert f'href="/?lang={language}"' in answer.text
        assert "Error" not in answer.text
        assert "invalid" not in answer.text
    assert client.post(f"/standin/{form}", json=fields).status_code == 400


def test_who_deletes_twice_is_told_that_it_is_gone(client: httpx.Client) -> None:
    post = shown(client)["posts"][0]["id"]
    comment = client.post("/standin/say", json={"post": post, "text": "Вода"}).json()["id"]
    assert client.post("/remove", data={"comment": comment}).status_code == 303
    again = client.post("/remove?lang=en", data={"comment": comment})
    assert "There is no such post or comment, or it was deleted." in again.text


def test_orders_that_make_no_sense_are_refused(client: httpx.Client) -> None:
    assert client.post("/standin/nothing", json={}).status_code == 404
    for order in ("fault", "slow", "publish"):
        assert client.post(f"/standin/{order}", json={}).status_code == 400
    for body in (b"x", b"\xff", b"[]", b'{"text":"\xff"}'):
        answer = client.post("/standin/say", content=body)
        assert (answer.status_code, answer.json()) == (400, {"error": "the body is no JSON object"})
    assert client.post("/standin/fault", json={"method": "x"}).json() == {"error": "there is no 'fault'"}
    post = client.post("/standin/publish", json={"text": "Открыт каток"}).json()["id"]
    assert post in [each["id"] for each in shown(client)["posts"]]


def test_the_page_answers_by_hand_where_the_platform_tells_so(addresses: dict[str, str]) -> None:
    for platform in PLATFORMS:
        with httpx.Client(base_url=addresses[platform], trust_env=False, timeout=30) as client:
            post = shown(client)["posts"][0]["id"]
            given = {"post": post, "text": "Воду дадут к вечеру", "who": "page"}
            answer = client.post("/standin/say", json=given)
            assert answer.status_code == (400 if platform == "max" else 200)
            assert ("Страница (официальный ответ" in client.get("/?lang=ru").text) is (platform != "max")
            if platform != "max":
                assert comments(client)[answer.json()["id"]]["by_page"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_was_written_is_there_after_a_restart_and_numbers_go_on(platform: str, tmp_path: Path) -> None:
    module = f"deploy.standins.{platform}"
    made: set[str] = set()
    for turn in range(3):
        with (
            process(module, "--keep", str(tmp_path)) as told,
            httpx.Client(base_url=told[platform], timeout=30) as client,
        ):
            assert made == set(comments(client))
            post = shown(client)["posts"][0]["id"]
            for _ in range(2):
                made.add(client.post("/standin/say", json={"post": post, "text": f"Вопрос {turn}"}).json()["id"])
    assert len(made) == 6
