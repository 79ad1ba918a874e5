"""docs/connect-vk.md says what the connector does, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ingest.connectors.vk.api import VERSION
from services.ingest.connectors.vk.walking import MAX_DAYS

GUIDE = (Path(__file__).parents[2] / "docs" / "connect-vk.md").read_text()
RUSSIAN, _, ENGLISH = GUIDE.partition("\n# Connect a VK community\n")


@pytest.mark.parametrize("part", [RUSSIAN, ENGLISH])
@pytest.mark.parametrize(
    "fact",
    [
        VERSION,
        f"{MAX_DAYS} ",
        "community_token",
        "user_token",
        "`manage`",
        "`wall`",
        "Callback API",
        "Long Poll API",
        "source add city-vk",
        "source change city-vk --secret confirmation",
        "source test city-vk",
        "/hooks/vk/city-vk",
        "403",
        "503",
        *(f"`VK error {code}`" for code in (5, 14, 222)),
    ],
)
def test_each_language_names_it(part: str, fact: str) -> None:
    assert fact in part


def test_both_languages_have_the_same_tables_and_steps() -> None:
    def shape(part: str) -> list[str]:
        lines = [line for line in part.splitlines() if line.startswith(("|", "#", "    python", "1", "2", "3", "-"))]
        return [line if line.startswith("    ") else f"{line[0]}{line.count('|')}" for line in lines]

    russian = shape(RUSSIAN.partition("\n")[2])
    assert [line for line in russian if line != "-0"] == [line for line in shape(ENGLISH) if line != "-0"]
