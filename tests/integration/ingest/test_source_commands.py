"""`python -m services.ingest source …` over the real broker, as an operator types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from services.ingest.__main__ import main
from services.ingest.sources.vault import new_key
from shared.bus import Bus

ROOT = Path(__file__).parents[3]
TOKEN = "1:bot-token-of-the-tests"
NOWHERE = "http://127.0.0.1:1"


class Terminal:
    """Types commands; no command's output may hold the token."""

    def __init__(self, url: str, data: Path) -> None:
        self.environment: dict[str, str | None] = {
            "OTKLIK_NATS_URL": url,
            "OTKLIK_DATA_DIR": str(data),
            "OTKLIK_PUBLIC_URL": "https://otklik.example",
            "OTKLIK_SECRET_BOT_TOKEN": None,
            "OTKLIK_SOURCES_KEY": new_key(),
            "OTKLIK_TELEGRAM_URL": NOWHERE,
        }

    def source(self, *arguments: str, stdin: str = "", **environment: str) -> Result:
        """Runs one command in this process."""
        done = CliRunner().invoke(main, ["source", *arguments], input=stdin, env=self.environment | environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert TOKEN not in done.output
        return done

    def add(self, **environment: str) -> Result:
        """Adds the source `city`."""
        words = ["add", "city", "--platform", "telegram", "--page", "telegram:-1001"]
        return self.source(*words, **{"OTKLIK_SECRET_BOT_TOKEN": TOKEN} | environment)


@pytest.fixture
def terminal(nats_url: str, tmp_path: Path) -> Terminal:
    return Terminal(nats_url, tmp_path)


def test_a_source_from_its_beginning_to_its_end(terminal: Terminal) -> None:
    added = terminal.add()
    assert added.exit_code == 0, added.output
    for words in ("https://otklik.example/hooks/telegram/city", "Осталось сделать:", "What is left to do:"):
        assert words in added.output
    secret = added.output.split("secret_token=")[1].split(" ")[0]
    assert len(secret) == 43

    listed = terminal.source("list")
    assert "telegram:-1001" in listed.output
    assert "waiting" in listed.output
    assert secret not in listed.output
    assert "telegram:-1001" not in terminal.source("list", "--platform", "vk").output

    assert "paused" in terminal.source("pause", "city").output
    shown = terminal.source("show", "city", "--instructions")
    assert "secret_token=<secret>" in shown.output
    assert secret not in shown.output
    assert "waiting" in terminal.source("resume", "city").output

    changed = terminal.source("change", "city", "--acting", "--pace", "9", "--new-hook-secret")
    assert "9 s between two actions" in changed.output
    assert "secret_token=" in changed.output
    assert secret not in changed.output

    tested = terminal.source("test", "city")
    assert (tested.exit_code, "not_reached" in tested.output) == (1, True)
    assert "waiting" in terminal.source("show", "city").output, "the source is not to blame"

    assert terminal.source("remove", "city", stdin="n\n").exit_code == 1
    assert terminal.source("remove", "city", "--yes").exit_code == 0
    gone = terminal.source("show", "city")
    assert (gone.exit_code, gone.output) == (1, "Error: there is no source city\n")


def test_secrets_come_by_standard_input_too(terminal: Terminal) -> None:
    words = ["add", "city", "--platform", "telegram", "--page", "telegram:-1001", "--stdin"]
    assert terminal.source(*words, stdin=f"bot_token={TOKEN}\n").exit_code == 0
    changed = terminal.source("change", "city", "--stdin", stdin="bot_token=2:other\n")
    assert changed.exit_code == 0


def test_a_secret_that_is_not_there_is_not_taken_away_in_silence(terminal: Terminal) -> None:
    assert terminal.add().exit_code == 0
    refused = terminal.source("change", "city", "--drop", "user_token")
    assert refused.exit_code == 1
    assert "city has no user_token to take away; the secrets it has: bot_token, hook_secret" in refused.output


def test_without_a_key_one_line_says_what_to_set(terminal: Terminal) -> None:
    refused = terminal.add(OTKLIK_SOURCES_KEY="")
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: set OTKLIK_SOURCES_KEY (`python -m services.ingest source key new`")
    assert len(refused.output.splitlines()) == 1


def test_a_wrong_key_is_told_without_showing_it(terminal: Terminal) -> None:
    refused = terminal.add(OTKLIK_SOURCES_KEY="my secret key")
    assert refused.exit_code == 1
    assert "OTKLIK_SOURCES_KEY: a key is 44 characters" in refused.output
    assert "my secret key" not in refused.output


def test_the_key_of_make_run_is_found_in_its_directory(terminal: Terminal, tmp_path: Path) -> None:
    terminal.environment["OTKLIK_SOURCES_KEY"] = None
    (tmp_path / "sources.key").write_text(new_key() + "\n")
    assert terminal.add().exit_code == 0
    missing = terminal.source("list", OTKLIK_SOURCES_KEY_FILE=str(tmp_path / "none"))
    assert missing.output == f"Error: OTKLIK_SOURCES_KEY_FILE: there is no file {tmp_path / 'none'}\n"


@pytest.fixture
def standin() -> Iterator[str]:
    """Telegram's address where something refuses every token."""

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b'{"ok":false,"error_code":401,"description":"Unauthorized"}'
            self.send_response(401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_beside_make_run_its_platforms_are_asked(
    terminal: Terminal, nats_url: str, tmp_path: Path, standin: str
) -> None:
    terminal.environment |= {"OTKLIK_PUBLIC_URL": None, "OTKLIK_TELEGRAM_URL": None}
    (tmp_path / "broker.url").write_text(nats_url + "\n")
    written = {"OTKLIK_TELEGRAM_URL": NOWHERE, "OTKLIK_PUBLIC_URL": "http://127.0.0.1:8001"}
    (tmp_path / "platforms.json").write_text(json.dumps(written))
    assert "http://127.0.0.1:8001/hooks/telegram/city" in terminal.add().output

    # Seen at another address than ingest's, it tells nothing of the source.
    assert "bad_credential" in terminal.source("test", "city", OTKLIK_TELEGRAM_URL=standin).output
    assert "waiting" in terminal.source("show", "city").output

    (tmp_path / "platforms.json").write_text(json.dumps(written | {"OTKLIK_TELEGRAM_URL": standin}))
    assert "bad_credential" in terminal.source("test", "city").output
    assert "no_credentials" in terminal.source("show", "city").output


def test_keys_are_changed_as_the_guide_says(terminal: Terminal) -> None:
    old = str(terminal.environment["OTKLIK_SOURCES_KEY"])
    terminal.add()
    new = terminal.source("key", "new").output.strip()
    terminal.environment["OTKLIK_SOURCES_KEY"] = f"{new},{old}"
    assert "1 source sealed anew" in terminal.source("key", "reseal").output
    terminal.environment["OTKLIK_SOURCES_KEY"] = new
    assert "waiting" in terminal.source("list").output
    assert "0 sources sealed anew" in terminal.source("key", "reseal").output

    terminal.environment["OTKLIK_SOURCES_KEY"] = old
    closed = terminal.source("list").output
    assert "no_credentials" in closed
    assert "no key in OTKLIK_SOURCES_KEY opens its credentials" in closed
    resealed = terminal.source("key", "reseal")
    assert resealed.exit_code == 1
    assert "city: no key" in resealed.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "City!", "--platform", "vk", "--page", "vk:-1"], "id: must be 1 to 60 of a-z"),
        (["add", "city", "--platform", "vk", "--page", "vk:1"], "page: must be the community's id with a minus"),
        (["change", "city"], "there is nothing to change"),
        (["change", "city", "--acting"], "there is no source city"),
        (["remove", "city"], "Error: there is no source city\n"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(terminal: Terminal, words: list[str], said: str) -> None:
    refused = terminal.source(*words)
    assert refused.exit_code in (1, 2)
    assert said in refused.output
    assert "Traceback" not in refused.output


async def test_who_changed_it_is_kept(terminal: Terminal, nats_url: str) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "services.ingest", "source", "add", "city", "--platform", "telegram",
            "--page", "telegram:-1001",
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, **{name: value for name, value in terminal.environment.items() if value is not None},
             "OTKLIK_SECRET_BOT_TOKEN": TOKEN},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    async with await Bus.connect(nats_url, name="test") as bus:
        kept = (await (await bus.bucket("sources")).entries())["city"]
    assert b'"added_by":"command ' in kept
    assert TOKEN.encode() not in kept


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "cannot read {}: No such file or directory; a file of certificates in PEM form would be right"),
        ("folder", "cannot read {}: Is a directory; a file of certificates in PEM form would be right"),
        ("words", "{} holds no certificates in PEM form; a file that does would be right"),
    ],
)
def test_a_bundle_of_certificates_that_is_none_is_named(
    terminal: Terminal, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "words").write_text("certificates")
    path = str(tmp_path / name)
    refused = terminal.source("list", OTKLIK_CA_BUNDLE=path)
    assert (refused.exit_code, refused.output) == (1, f"Error: OTKLIK_CA_BUNDLE: {said.format(path)}\n")


def test_ingest_names_a_bundle_that_is_none_with_all_else_that_is_wrong(tmp_path: Path) -> None:
    settings = {"OTKLIK_CA_BUNDLE": str(tmp_path / "none"), "OTKLIK_AUTHOR_KEY": "short"}
    refused = CliRunner().invoke(main, ["serve"], env=settings)
    assert refused.exit_code == 1
    for variable in settings:
        assert f"{variable}: " in refused.output


def test_an_absent_broker_is_said_in_plain_words(terminal: Terminal) -> None:
    done = terminal.source("list", OTKLIK_NATS_URL="nats://127.0.0.1:1")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].startswith("Error: no broker answers")
    assert "Traceback" not in done.output
