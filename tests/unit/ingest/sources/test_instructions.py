"""What is left to do is told for every way of every platform, in both languages, with a secret only where it is new."""

from __future__ import annotations

import io

import click
import pytest

from services.ingest.sources.asking import ask_secrets, read_lines
from services.ingest.sources.instructions import instructions
from services.ingest.sources.requirements import PLATFORMS
from services.ingest.sources.source import Secrets
from services.ingest.sources.vault import Vault, new_key
from tests.unit.ingest.sources.samples import record

VAULT = Vault(new_key())
WAYS = [(platform, way) for platform, known in PLATFORMS.items() for way in known.ways]


@pytest.mark.parametrize(("platform", "way"), WAYS)
def test_every_way_of_every_platform_is_told_in_both_languages(platform: str, way: str) -> None:
    kept = record("city", VAULT, Secrets(), platform=platform, page=f"{platform}:-1", way=way)
    told = instructions(kept, "https://otklik.example/", "made-just-now")
    address = f"https://otklik.example/hooks/{platform}/city"
    assert len(told.ru) == len(told.en) >= 2
    for words in ("\n".join(told.ru), "\n".join(told.en)):
        assert (address in words) == (way == "hook")
        assert ("made-just-now" in words) == (way == "hook")
        assert "source test city" in words
    assert told.hook == (address if way == "hook" else None)
    assert told.secret == ("made-just-now" if way == "hook" else None)
    assert any("а" <= letter <= "я" for letter in "".join(told.ru))
    assert not any("а" <= letter <= "я" for letter in "".join(told.en).lower())


@pytest.mark.parametrize(
    ("platform", "way", "named"),
    [
        ("max", "hook", ["--cacert", "OTKLIK_CA_BUNDLE", "read_all_messages", "write", "delete"]),
        ("ok", "poll", ["VALUABLE_ACCESS", "GROUP_CONTENT", "LONG_ACCESS_TOKEN"]),
    ],
)
def test_nothing_that_the_guide_calls_needed_is_left_out(platform: str, way: str, named: list[str]) -> None:
    told = instructions(record("city", VAULT, Secrets(), platform=platform, page=f"{platform}:-1", way=way), None, None)
    for language in (told.ru, told.en):
        assert all(name in "\n".join(language) for name in named)


def test_later_there_is_a_place_instead_of_the_secret() -> None:
    told = instructions(record("city", VAULT, Secrets()), "https://otklik.example", None)
    assert told.secret is None
    assert "<secret>" in "\n".join(told.en)


def test_who_acts_already_is_not_told_of_the_dry_run() -> None:
    dry = instructions(record("city", VAULT, Secrets()), "https://otklik.example", None)
    acting = instructions(record("city", VAULT, Secrets(), acting=True), "https://otklik.example", None)
    assert len(dry.en) == len(acting.en) + 1


def test_secrets_come_from_the_environment_and_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTKLIK_SECRET_BOT_TOKEN", "1:a")
    assert ask_secrets(["bot_token"], ["bot_token"], stdin=False) == {"bot_token": "1:a"}
    monkeypatch.setattr("sys.stdin", io.StringIO("bot_token = 2:b=c \n\n"))
    assert ask_secrets(["bot_token"], ["bot_token"], stdin=True) == {"bot_token": "2:b=c"}


def test_what_is_missing_is_named_where_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTKLIK_SECRET_BOT_TOKEN", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(click.ClickException, match="OTKLIK_SECRET_BOT_TOKEN"):
        ask_secrets(["bot_token"], ["bot_token"], stdin=False)
    with pytest.raises(click.ClickException, match="line 2 is not name=value") as caught:
        list(read_lines(io.StringIO("bot_token=1\n2:pasted-alone\n"), ("bot_token",)))
    assert "pasted" not in str(caught.value)
