"""`make setup` before it does anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_python_that_is_none_is_refused_also_where_everything_is_there_already() -> None:
    done = subprocess.run(
        [ROOT / "deploy" / "setup.sh"],
        env={**os.environ, "PYTHON": "/nothing"}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "setup: PYTHON=/nothing is not a Python 3.11 or newer.\n"
