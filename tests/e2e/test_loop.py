"""The whole loop through the real processes: a citizen writes on a stand-in, an agent answers, the answer is below."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deploy.standins.region import Platform
from tests.fixtures.stack import ROOT, running
from tests.fixtures.town import Town, until

pytestmark = pytest.mark.slow

QUIET_SECONDS = 3.0
"""Within which an echo would have come back, or a second answer."""
WAYS: list[tuple[Platform, str]] = [
    ("vk", "hook"), ("vk", "poll"), ("telegram", "hook"), ("telegram", "poll"), ("max", "hook"),
]  # fmt: skip
ASKED = {
    "vk-hook": "Третий день нет горячей воды, управляющая компания трубку не берёт. Примите меры!",
    "vk-poll": "Во дворе второй месяц не вывозят мусор, контейнеры переполнены, сколько можно?",
    "telegram-hook": "К терапевту записаться невозможно, талонов нет уже две недели. Когда это кончится?",
    "telegram-poll": "В поликлинике не работает лифт, пожилые люди поднимаются пешком. Примите меры!",
    "max-hook": "На остановке разбили павильон, люди мокнут под дождём. Когда его починят?",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with running(tmp_path_factory.mktemp("loop"), standins=True) as stack:
        stack.run("services.routing", "import", str(ROOT / "deploy/sample/region"))
        made = Town(stack)
        yield made
        made.close()


@pytest.mark.parametrize(("platform", "way"), WAYS)
def test_a_comment_is_answered_where_it_was_written(town: Town, platform: Platform, way: str) -> None:
    town.connect(platform, way)
    post = town.publish(platform)
    comment = town.write(platform, post, ASKED[f"{platform}-{way}"])
    found = town.arrived(f"{platform}:{comment}", state="routed")
    institution, case = found["institution"], found["case_id"]
    assert case in town.queue(institution)
    cases, comments = town.count("cases"), town.count("comments")

    answer = f"Здравствуйте! Разобрались, исправим до пятницы ({platform}, {way})."
    assert town.act(institution, case, "accept")["state"] == "accepted"
    town.act(institution, case, "answer", text=answer, outcome="planned")
    town.settled(case, "answered")
    assert town.below(platform, post, comment) == [answer]
    assert answer in town.html(platform)
    assert case not in town.queue(institution)

    time.sleep(QUIET_SECONDS)
    assert town.below(platform, post, comment) == [answer]
    (reply,) = [each["id"] for each in town.comments(platform, post) if each["by_page"]]
    assert town.known(f"{platform}:{reply}") is None
    assert (town.count("cases"), town.count("comments")) == (cases, comments)
    assert town.case(case)["state"] == "answered"


@pytest.mark.parametrize(("platform", "way"), WAYS)
def test_edits_and_deletions_arrive(town: Town, platform: Platform, way: str) -> None:
    town.connect(platform, way)
    post = town.publish(platform)
    comment = town.write(platform, post, "Почему в детском саду не хватает воспитателей, безобразие!")
    case = town.arrived(f"{platform}:{comment}", state="routed")["case_id"]
    town.fill(platform, "reword", comment=comment, text="Почему на улице Садовой ямы, дорогу когда починят?")
    assert town.arrived(f"{platform}:{comment}", topic="roads")["case_id"] == case
    town.fill(platform, "remove", comment=comment)
    # Telegram tells nobody that something was deleted.
    town.arrived(f"{platform}:{comment}", state="routed" if platform == "telegram" else "void")


@pytest.mark.parametrize("platform", ["vk", "telegram", "max"])
def test_what_a_moderator_deletes_is_gone(town: Town, platform: Platform) -> None:
    town.connect(platform, "hook")
    post = town.publish(platform)
    spam = "Заработок на дому от 5000 руб в день! Пишите в телеграм @rabota_doma, без вложений!!!"
    comment = town.write(platform, post, f"{spam} {platform}")
    assert town.arrived(f"{platform}:{comment}")["case_id"] is None
    decision = town.moderate(f"{platform}:{comment}", "advertising")
    assert until(lambda: town.decision(decision) == "enacted"), town.stack.tail("ingest")
    assert [each for each in town.comments(platform, post) if not each["deleted"]] == []


@pytest.mark.parametrize(("platform", "way"), WAYS[:4])
def test_an_answer_that_the_page_gives_by_hand_answers_the_case(town: Town, platform: Platform, way: str) -> None:
    town.connect(platform, way)
    post = town.publish(platform)
    comment = town.write(platform, post, "Когда уже уберут снег у школы, дети по колено в сугробах!")
    case = town.arrived(f"{platform}:{comment}", state="routed")["case_id"]
    town.write(platform, post, "Уберём сегодня до вечера.", to=comment, who="page")
    town.settled(case, "answered")
    events = town.events(case)
    assert events[-1]["event"] == "answered_outside", events


def test_on_odnoklassniki_a_person_answers_by_the_link(town: Town) -> None:
    post = town.publish("ok")
    comment = town.write("ok", post, "Почему на набережной третий месяц не горят фонари? Примите меры!")
    town.connect("ok", "poll")
    found = town.arrived(f"ok:{comment}", state="routed")
    institution, case = found["institution"], found["case_id"]
    town.act(institution, case, "accept")
    town.act(institution, case, "answer", text="Фонари починим к выходным.", outcome="planned")
    failed = town.settled(case, "publish_failed")
    assert failed["reply"]["link"].startswith("https://ok.ru/")
    assert post in failed["reply"]["link"]
    assert failed["reply"]["detail"]
    assert town.below("ok", post, comment) == []
    # The person does it there, and says so.
    town.write("ok", post, "Фонари починим к выходным.", to=comment, who="page")
    assert town.act(institution, case, "confirm", where=failed["reply"]["link"])["state"] == "answered"
