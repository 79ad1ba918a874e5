"""`python -m services.routing`: what an operator types, and what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.routing.__main__ import main
from tests.contract.routing.world import REGION


@pytest.fixture
def region(tmp_path: Path) -> Path:
    folder = tmp_path / "region"
    folder.mkdir()
    for name, text in REGION.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def _run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"OTKLIK_ROUTING_DATABASE_URL": url, "OTKLIK_LOG_LEVEL": "warning"})


def test_import_makes_the_database_and_says_what_it_did(sqlite_url: str, region: Path) -> None:
    first = _run(sqlite_url, "import", str(region))
    assert first.exit_code == 0, first.output
    assert "pages: 4 added, 0 changed, 0 unchanged" in first.output
    again = _run(sqlite_url, "import", str(region))
    assert "pages: 0 added, 0 changed, 4 unchanged" in again.output


def test_errors_stand_line_by_line_and_nothing_is_imported(sqlite_url: str, region: Path) -> None:
    (region / "pages.csv").write_text(REGION["pages"] + "http:x,nobody,12,X\n", encoding="utf-8")
    refused = _run(sqlite_url, "import", str(region))
    assert refused.exit_code == 1
    assert "pages.csv, line 6, institution: " in refused.output
    assert "1 error; nothing was imported" in refused.output
    (region / "pages.csv").write_text(REGION["pages"], encoding="utf-8")
    assert "pages: 4 added" in _run(sqlite_url, "import", str(region)).output


def test_a_folder_without_files_and_a_wrong_setting_are_told(sqlite_url: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = _run(sqlite_url, "import", str(empty))
    assert (nothing.exit_code, "pages.csv" in nothing.output) == (1, True)
    wrong = _run("mysql://somewhere", "migrate")
    assert (wrong.exit_code, "OTKLIK_ROUTING_DATABASE_URL" in wrong.output) == (1, True)
    assert "Traceback" not in wrong.output


def test_migrate_can_be_repeated(sqlite_url: str) -> None:
    for _ in range(2):
        assert _run(sqlite_url, "migrate").exit_code == 0
