"""docs/standins.md says of the stand-ins what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.standins.administrator import PAGES
from deploy.standins.region import NAMES, PORTS, Platform
from services.ingest.sources.requirements import PLATFORMS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/standins.md").read_text(encoding="utf-8")
ORDERS = ("publish", "say", "reword", "remove", "fault", "slow", "deliver", "callback", "no_callback", "thing", "rules")


@pytest.mark.parametrize("platform", list(PORTS))
def test_each_platform_has_its_line(platform: Platform) -> None:
    line = next(line for line in GUIDE.splitlines() if line.startswith(f"| {NAMES[platform]} |"))
    assert f"http://127.0.0.1:{PORTS[platform]}/" in line
    assert f"`{PAGES[platform]}`" in line
    assert ("hook" in line) is (PLATFORMS[platform].ways[0] == "hook")
    assert f"STANDIN_{platform.upper()}_PORT" in GUIDE


@pytest.mark.parametrize("platform", list(PORTS))
def test_the_page_is_one_of_the_sample_region(platform: Platform) -> None:
    pages = (ROOT / "deploy/sample/region/pages.csv").read_text(encoding="utf-8")
    assert f"\n{PAGES[platform]}," in pages


def test_it_names_the_orders_there_are() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "deploy/standins").rglob("standin.py"))
    for order in ORDERS:
        assert f"`{order}`" in GUIDE
        assert f'"{order}"' in code
