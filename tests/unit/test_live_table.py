"""What `make run` shows: whatever an institution is called, and whatever a service does while it is asked."""

from __future__ import annotations

import http.client
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from deploy.local import figures, screen
from deploy.local.__main__ import invitation
from deploy.local.directory import Directory
from deploy.local.figures import Figures, Gauges
from deploy.local.instance import Instance
from deploy.local.ports import BrokerPorts, Ports

PORTS = Ports(ingest=1, classifier=2, routing=3, broker=BrokerPorts(client=4, monitor=5), standins={})


@pytest.mark.parametrize("name", ["Школа [7]", "[/x] Дом культуры", "[bold]"])
def test_a_name_is_shown_as_it_is(name: str) -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(screen.table(Figures(queued=[(name, 3)], waiting=3), [], "sent"))
    assert name in captured.get()


def test_what_counts_from_this_start_and_what_is_all_there_is_are_told_apart() -> None:
    shown = Figures(accepted=5, tagged={"spam": 2}, waiting=7, dead=3)
    since, now, *_ = screen.line(shown, [], "sent").split(" | ")
    assert since == "since this start: accepted=5 again=0 complaint=0 question=0 other=0 spam=2"
    assert now == "now: dead=3 open=7"
    console = Console(width=200)
    with console.capture() as captured:
        console.print(screen.table(shown, [], "sent"))
    for words in ("Comments since this start", "dead letters that lie there", "Open cases now: 7"):
        assert words in captured.get()


def test_who_reads_real_pages_too_is_told_how_in_the_words_of_make(tmp_path: Path) -> None:
    instance = cast(Instance, SimpleNamespace(ports=PORTS, directory=Directory(tmp_path)))
    assert "`make run STANDINS=no` changes that" in invitation(instance, ["city-vk"])
    assert "STANDINS=no" not in invitation(instance, [])


@pytest.mark.parametrize(
    "fault", [http.client.IncompleteRead(b""), http.client.BadStatusLine("x"), ConnectionResetError()]
)
def test_a_service_that_dies_while_it_answers_keeps_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    class Dying:
        def open(self, *_: object, **__: object) -> object:
            raise fault

    key = tmp_path / "key"
    key.write_text("otk_x", encoding="ascii")
    monkeypatch.setattr(figures, "DIRECT", Dying())
    before = Figures(accepted=5, waiting=2)
    assert Gauges(PORTS, key).read(before) == before
