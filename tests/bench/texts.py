"""The comments that are sent: real ones read in place where they are at hand, else the sample's own."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("OTKLIK_SHARED_DATA", ROOT.parent / "shared" / "data")) / "stream-vk" / "admiralteysky.csv"


def comment_texts() -> tuple[list[str], str]:
    """Texts, and where they come from in words."""
    if REAL.exists():
        with REAL.open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file) if row["text"].strip()]
        return texts, f"{len(texts)} real comments"
    lines = (ROOT / "deploy/sample/comments.ndjson").read_text(encoding="utf-8").splitlines()
    texts = [text for line in lines if (text := json.loads(line).get("text"))]
    return texts, f"{len(texts)} sample comments (no real ones at hand)"
