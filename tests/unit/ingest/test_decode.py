"""`decode`: what a payload becomes, line by line, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.ingest import decode as decode_module
from services.ingest.__main__ import main
from services.ingest.connectors import platforms
from services.ingest.connectors.received import NotThisPlatform, PostCopy, Received, Thread, skipped, unusable
from tests.unit.ingest.platform_memory import happened


def of_tests(payload: bytes, page: str | None = None) -> list[Received]:
    """Every kind of event in one payload."""
    if payload != b"all":
        raise NotThisPlatform("expected the word all")
    thread = Thread(group="-100", copy="7")
    return [
        happened(page=page or "vk:-1", author="424242"),
        happened(key="2", event="deleted", text=None),
        skipped("like_add"),
        Received(copy=PostCopy(thread=thread, channel="-5", post="33")),
        Received(moved=("-1", "-100")),
        happened(key="3", text=""),
        happened("a b", key="4"),
        happened(key="5", text="\ud83d"),
        Received(),
        unusable("wall_reply_new without ids", {}),
    ]


@pytest.fixture(autouse=True)
def decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "DECODERS", {**platforms.DECODERS, "vk": of_tests})


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["decode", *arguments], input=stdin)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "payload.json"
    path.write_bytes(b"all")
    return path


def test_one_line_for_each_event(file: Path) -> None:
    result = run("--platform", "vk", str(file))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    first, second = json.loads(lines[0]), json.loads(lines[1])
    assert (first["type"], first["id"], first["text"]) == ("comment.created", "vk:wall:-1:2:3", "Вода?")
    assert second["type"] == "comment.deleted"
    assert "424242" not in lines[0]
    assert lines[2] == "skipped: like_add"
    assert lines[3] == "skipped: the copy of post 33 of channel -5, kept for its comments"
    assert lines[4] == "skipped: the group -1 is -100 from now on"
    assert lines[5] == "skipped: neither words nor anything else to look at"
    assert lines[6].startswith("unusable: ")
    assert lines[7] == "unusable: text: half of a surrogate pair is no text"
    assert lines[8] == "skipped: nothing in it"
    assert lines[9] == "unusable: wall_reply_new without ids"
    assert len(lines) == 10


def test_the_page_may_be_named(file: Path) -> None:
    line = run("--platform", "vk", "--page", "vk:-77", str(file)).stdout.splitlines()[0]
    assert json.loads(line)["page"] == "vk:-77"


def test_standard_input_is_read_for_a_dash() -> None:
    assert len(run("--platform", "vk", "-", stdin=b"all").stdout.splitlines()) == 10


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe"])
def test_what_is_nothing_of_the_platform_ends_with_1_and_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "payload.json"
    path.write_bytes(content)
    result = run("--platform", "vk", str(path))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"Error: {path}: expected the word all\n"


def test_nothing_is_printed_of_what_turns_out_to_be_nothing_of_the_platform(file: Path) -> None:
    assert run("--platform", "ok", str(file)).stdout == ""


def test_a_file_over_the_limit_is_not_read_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_module, "MAX_FILE", 2)
    for result in (run("--platform", "vk", str(file)), run("--platform", "vk", "-", stdin=b"all")):
        assert result.exit_code == 1
        assert "longer than 2 bytes" in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file on this machine")
def test_an_endless_file_ends() -> None:
    assert "longer than" in run("--platform", "vk", "/dev/zero").stderr


def test_an_unknown_platform_and_a_missing_file_are_wrong_usage(file: Path, tmp_path: Path) -> None:
    assert run("--platform", "fax", str(file)).exit_code == 2
    assert run("--platform", "vk", str(tmp_path / "none")).exit_code == 2
    assert run("--platform", "vk", str(tmp_path)).exit_code == 2
    assert run(str(file)).exit_code == 2


def test_it_is_a_command_that_needs_no_settings(tmp_path: Path) -> None:
    path = tmp_path / "payload.json"
    path.write_bytes(b'{"webhookType": "CONFIRMATION"}')
    command = [sys.executable, "-m", "services.ingest", "decode", "--platform", "ok", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": ""})
    assert (done.returncode, done.stdout, done.stderr) == (0, "skipped: webhook confirmation\n", "")
