"""Five years of comments under one real page, through the real processes."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fixtures.stack import ROOT, running

SHARED_DATA = Path(os.environ.get("OTKLIK_SHARED_DATA", ROOT.parent / "shared" / "data"))
REAL_STREAM = SHARED_DATA / "stream-vk" / "admiralteysky.csv"


@pytest.mark.slow
@pytest.mark.skipif(not REAL_STREAM.exists(), reason="no real comments at hand (OTKLIK_SHARED_DATA)")
def test_five_years_of_real_comments_pass_through(tmp_path: Path) -> None:
    """Empty rows are named, the page's own are official answers without a case, every other one is tagged."""
    with REAL_STREAM.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    empty = sum(not row["text"].strip() for row in rows)
    official = sum(row["author_is_community"] == "1" for row in rows)
    with running(tmp_path) as stack:
        rejected = tmp_path / "rejected.csv"
        done = subprocess.run(
            [sys.executable, "-m", "services.ingest", "replay", str(REAL_STREAM), "--rejected", str(rejected),
             "--url", stack.url("ingest")],
            cwd=ROOT, env={**stack.environment, "OTKLIK_KEY": stack.key}, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert len(rejected.read_text(encoding="utf-8").splitlines()) - 1 == empty

        def counted(condition: str) -> int:
            with sqlite3.connect(f"file:{stack.routing_db}?mode=ro", uri=True, timeout=10) as connection:
                query = f"SELECT count(*) FROM comments WHERE page = 'http:admiralteysky' AND {condition}"  # noqa: S608
                return int(connection.execute(query).fetchone()[0])

        end = time.monotonic() + 240
        while counted("tag IS NOT NULL") < len(rows) - empty and time.monotonic() < end:
            time.sleep(1)
        assert counted("tag IS NOT NULL") == len(rows) - empty
        assert counted("author_kind = 'page'") == official
        assert counted("author_kind = 'page' AND case_id IS NOT NULL") == 0
        assert counted("author_kind = 'person' AND tag IN ('question', 'complaint') AND case_id IS NULL") == 0
