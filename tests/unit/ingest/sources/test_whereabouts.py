"""Where a command looks for the platforms: what `make run` wrote, below the variables that are set."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from services.ingest.connectors.failure import BadCredential, NotSent
from services.ingest.connectors.telegram import api as telegram
from services.ingest.sources.whereabouts import whereabouts

BROKER = "nats://otklik:kpassword@127.0.0.1:34567"
VK, OK = "http://127.0.0.1:8011", "http://127.0.0.1:8014/fb.do"
WRITTEN = {"OTKLIK_VK_URL": VK, "OTKLIK_OK_URL": OK, "OTKLIK_PUBLIC_URL": "http://127.0.0.1:8001"}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `make run` keeps."""
    monkeypatch.setenv("OTKLIK_DATA_DIR", str(tmp_path))
    (tmp_path / "broker.url").write_text(BROKER + "\n")
    (tmp_path / "platforms.json").write_text(json.dumps(WRITTEN) + "\n")
    return tmp_path


@pytest.mark.parametrize("broker", [BROKER, "nats://localhost:34567", "otklik:k@127.0.0.1:34567", f"nats://x,{BROKER}"])
def test_beside_make_run_the_stand_ins_are_found(broker: str) -> None:
    own = whereabouts(broker).own
    assert (own.vk_url, own.ok_url, own.public_url) == (VK, OK, "http://127.0.0.1:8001")
    assert own.telegram_url == telegram.API


@pytest.mark.parametrize("broker", ["nats://127.0.0.1:4222", "nats://127.0.0.1", "nats://broker:34567"])
def test_at_another_broker_they_are_not(broker: str) -> None:
    assert whereabouts(broker).own.vk_url not in (VK, OK)


def test_without_make_run_the_variables_alone_count(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "broker.url").unlink()
    monkeypatch.setenv("OTKLIK_VK_URL", "https://vk.example/method")
    where = whereabouts(BROKER)
    assert where.own.vk_url == "https://vk.example/method"
    assert where.telling("vk", None)


def test_a_variable_that_is_set_wins_and_what_is_seen_there_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTKLIK_VK_URL", "https://vk.example/method")
    where = whereabouts(BROKER)
    assert where.own.vk_url == "https://vk.example/method"
    assert not where.telling("vk", None)
    assert where.telling("ok", None)


def test_the_file_that_a_variable_names_wins_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "address").write_text("https://otklik.example\n")
    monkeypatch.setenv("OTKLIK_PUBLIC_URL_FILE", str(data / "address"))
    assert whereabouts(BROKER).own.public_url == "https://otklik.example"


def test_a_platform_that_cannot_be_reached_from_here_is_not_told() -> None:
    where = whereabouts(BROKER)
    assert where.telling("vk", BadCredential("5"))
    assert not where.telling("vk", NotSent("not reached: ConnectError"))


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b'{"OTKLIK_VK_URL": 1}'])
def test_what_cannot_be_read_is_no_reason_to_ask_the_real_platforms(data: Path, content: bytes | None) -> None:
    (data / "platforms.json").unlink()
    if content is not None:
        (data / "platforms.json").write_bytes(content)
    with pytest.raises(click.ClickException, match=r"cannot read .*platforms\.json.*: start it anew"):
        whereabouts(BROKER)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTKLIK_VK_URL", "vk.example")
    with pytest.raises(click.ClickException, match="OTKLIK_VK_URL"):
        whereabouts(BROKER)
