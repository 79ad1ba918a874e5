"""docs/api.md names everything that a judgement and an explanation say."""

from __future__ import annotations

import re
from pathlib import Path

from services.classifier.features import SIGNALS
from services.classifier.judgement import Judgement

GUIDE = (Path(__file__).parents[3] / "docs/api.md").read_text(encoding="utf-8")


def named(heading: str) -> set[str]:
    """What stands in the first column of the section's tables."""
    section = GUIDE.split(f"## Classifier: {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {name.removesuffix("[]") for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_field_of_a_judgement() -> None:
    assert named("judging texts") == set(Judgement.__struct_fields__)


def test_every_signal() -> None:
    assert set(SIGNALS) <= named("why a text is judged so")
