"""What of a text is embedded, and how a direction travels."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.classifier.careful.aside import REST_SECONDS, Aside
from services.classifier.careful.embedding import MAX_CHARACTERS, compact, excerpt
from services.classifier.careful.opening import load_embedder

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=3_000)


@given(ANY_TEXT)
def test_any_text_becomes_short_valid_utf8_without_nul(text: str) -> None:
    short = excerpt(text)
    assert len(short) <= MAX_CHARACTERS
    assert b"\0" not in short.encode("utf-8")
    assert excerpt(text) == short


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Kyплю пpaвa нeдopoгo", "куплю права недорого"),
        ("за\u200bра\u200bбо\u200bток", "заработок"),
        ("ЗаРаБоТоК бЕз ВлОжЕнИй", "заработок без вложений"),
        ("Пиcaть нa www.example.ru", "писать на ссылка"),
    ],
)
def test_what_is_disguised_is_embedded_as_it_is_meant(written: str, meant: str) -> None:
    assert excerpt(written) == meant


def test_what_people_write_stays_as_it_is() -> None:
    text = "Когда починят фонарь у дома 7? Темно!!! 😡 №5, ёлки…"
    assert excerpt(text) == "Когда починят фонарь у дома 7? Темно!!! 😡 No5, ёлки..."


def test_of_a_long_text_beginning_and_end_are_kept() -> None:
    text = "начало " + "середина " * 5_000 + "конец"
    assert excerpt(text).startswith("начало середина")
    assert excerpt(text).endswith("середина конец")


@pytest.mark.parametrize("char", ["\ufdfa", "\u0301", "\0", "\ud800", "\u202e", "😀"])
def test_the_longest_of_anything_is_quick_and_short(char: str) -> None:
    assert len(excerpt(char * 65_536)) <= MAX_CHARACTERS


@given(st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=64))
def test_a_direction_survives_its_journey(numbers: list[float]) -> None:
    direction = np.array(numbers, dtype=np.float32)
    length = float(np.linalg.norm(direction))
    if length < 1e-3:
        return
    direction /= length
    back = np.frombuffer(compact(direction), dtype=np.int8).astype(np.float64)
    assert float(direction @ back / np.linalg.norm(back)) > 0.999


def test_nothing_becomes_nothing() -> None:
    assert compact(np.zeros(3, dtype=np.float32)) == b"\0\0\0"


def test_switched_off_it_says_so() -> None:
    with capture_logs() as entries:
        assert load_embedder("off") is None
    assert [entry["event"] for entry in entries] == ["careful reader off"]


def test_without_the_package_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with capture_logs() as entries:
        assert load_embedder("auto") is None
    assert [entry["reason"] for entry in entries] == ["the extra `careful` is not installed"]


@pytest.mark.parametrize(("waiting", "rest"), [(True, REST_SECONDS), (False, 0.0)])
def test_it_rests_after_a_death_where_somebody_waits(
    monkeypatch: pytest.MonkeyPatch, waiting: bool, rest: float
) -> None:
    rests: list[float] = []

    class Quick(Aside):
        def __init__(self, *, rest_seconds: float) -> None:
            self.name = "quick"
            rests.append(rest_seconds)

    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("services.classifier.careful.opening.Aside", Quick)
    assert load_embedder(waiting=waiting) is not None
    assert rests == [rest]


def test_where_it_cannot_run_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    # As a processor without AVX2 would end it.
    monkeypatch.setattr(
        "services.classifier.careful.aside.Aside.__init__.__defaults__",
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 4)"),),
    )
    with capture_logs() as entries:
        assert load_embedder("auto") is None
    assert [entry["event"] for entry in entries] == ["careful reader off"]
    assert entries[0]["reason"].startswith("the embedder's process does not begin")
