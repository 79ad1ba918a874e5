"""docs/connect-ok.md says what the connector does, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ingest.connectors.failure import BadCredential, Gone, NotAllowed, NotSent, PlatformError
from services.ingest.connectors.ok.calls import ADDRESS, LIMIT_SECONDS, RATE, failure
from services.ingest.connectors.ok.connector import FRESH, ROUND_SECONDS
from services.ingest.connectors.ok.cursor import MAX_GONE
from services.ingest.connectors.ok.topics import DAYS, MAX_TOPICS
from services.ingest.polling import RECONCILE_SECONDS

GUIDE = (Path(__file__).parents[2] / "docs" / "connect-ok.md").read_text(encoding="utf-8")
RUSSIAN, _, ENGLISH = GUIDE.partition("\n# Connect Odnoklassniki\n")


@pytest.mark.parametrize("part", [RUSSIAN, ENGLISH], ids=["russian", "english"])
@pytest.mark.parametrize(
    "fact",
    [
        "application_key",
        "application_secret",
        "access_token",
        "VALUABLE_ACCESS",
        "GROUP_CONTENT",
        "`group.getStatTopics`",
        "`discussions.getComments`",
        "`discussions.getComment`",
        "`group.getInfo`",
        "source add city-ok --platform ok --page ok:55001 --way poll",
        "source test city-ok",
        ADDRESS.split("/")[2],
        f" {DAYS} ",
        f" {MAX_TOPICS} ",
        f" {ROUND_SECONDS:.0f} ",
        f" {RECONCILE_SECONDS / 60:.0f} ",
        f" {MAX_GONE} ",
        f" {RATE.calls} ",
    ],
)
def test_each_language_names_it(part: str, fact: str) -> None:
    assert fact in part


def test_numbers_in_words_are_right() -> None:
    assert FRESH == 2
    assert "две самые новые" in RUSSIAN
    assert "the two newest" in ENGLISH
    assert LIMIT_SECONDS == 60
    assert RATE.seconds == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (101, BadCredential), (102, BadCredential), (103, BadCredential), (104, BadCredential), (10, NotAllowed),
        (50, NotAllowed), (200, NotAllowed), (11, NotSent), (160, Gone), (2, NotSent),
    ],
)  # fmt: skip
def test_the_errors_that_are_explained_are_what_is_said_of_them(code: int, error: type[PlatformError]) -> None:
    for part in (RUSSIAN, ENGLISH):
        assert f"`error {code}`" in part
    assert type(failure("x", code, None)) is error


def test_both_languages_have_the_same_tables_and_steps() -> None:
    def shape(part: str) -> list[str]:
        lines = [line for line in part.splitlines() if line.startswith(("|", "#", "1", "2", "3", "4", "5", "6", "- "))]
        return [f"{line[0]}{line.count('|')}" for line in lines]

    assert shape(RUSSIAN.partition("\n")[2]) == shape(ENGLISH)
    commands = [line for line in GUIDE.splitlines() if line.startswith("       python")]
    assert len(commands) == 2
    assert len(set(commands)) == 1
