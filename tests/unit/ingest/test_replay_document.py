"""docs/replay.md says what the command does."""

from __future__ import annotations

import re
from pathlib import Path

from services.ingest.replay.columns import GUESSES, PAGE_WROTE
from services.ingest.replay.command import replay

DOCUMENT = (Path(__file__).parents[3] / "docs/replay.md").read_text(encoding="utf-8")


def test_every_option_is_described_and_none_is_invented() -> None:
    options = {option for parameter in replay.params for option in parameter.opts if option.startswith("--")}
    assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", DOCUMENT)) == options


def test_every_name_that_is_found_is_listed() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| (.*) \|$", DOCUMENT, re.MULTILINE))
    assert set(rows) == set(GUESSES)
    for field, names in GUESSES.items():
        listed = rows[field].split(";")[0].split(", ")
        assert listed == list(names)
    assert PAGE_WROTE in rows["author_kind"]
