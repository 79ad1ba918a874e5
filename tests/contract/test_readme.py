"""What the README and the other pages promise is there: commands, targets, paths of the API, figures, links."""

from __future__ import annotations

import csv
import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from services.ingest.app import make_app as make_ingest
from services.ingest.settings import Settings as IngestSettings
from services.routing.app import make_app as make_routing
from services.routing.settings import Settings as RoutingSettings
from shared.web import Service

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REGION = ROOT / "deploy/sample/region"


def commands_of(module: str) -> dict[str, click.Command]:
    """The subcommands of `python -m module`."""
    main = import_module(f"{module}.__main__").main
    assert isinstance(main, click.Group)
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


@pytest.mark.parametrize("module", ["shared.auth", "services.ingest", "services.classifier", "services.routing"])
def test_the_table_lists_exactly_the_commands_there_are(module: str) -> None:
    rows = re.findall(rf"^\| `python -m {re.escape(module)} ([^`]+)` \|", README, re.MULTILINE)
    named = [word.split()[0] for row in rows for word in row.replace("\\|", "|").split("|")]
    assert sorted(named) == sorted(commands_of(module))


def test_the_table_lists_what_can_be_done_with_dead_letters() -> None:
    dead = commands_of("shared.bus")["dead"]
    assert isinstance(dead, click.Group)
    (row,) = re.findall(r"^\| `python -m shared\.bus dead ([^`]+)` \|", README, re.MULTILINE)
    assert set(row.replace("\\|", "|").split("|")) == set(dead.commands)


def test_every_page_is_in_the_table_of_places() -> None:
    (row,) = re.findall(r"^\| `docs` \| (.+) \|$", README, re.MULTILINE)
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert f"](docs/{page.name})" in row


def test_every_target_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make (?:-s )?([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test", "up"} <= named <= targets


def test_what_is_to_be_tried_is_in_the_api(tmp_path: Path) -> None:
    ingest = make_ingest(IngestSettings(ingest_database_url=f"sqlite:///{tmp_path}/ingest.db", author_key="k" * 16))
    routing = make_routing(RoutingSettings(routing_database_url=f"sqlite:///{tmp_path}/routing.db"))
    tried = re.findall(r"localhost:(\d+)(/v1/\S+)", README)
    assert len(tried) == 3
    for port, path in tried:
        assert any(pattern.fullmatch(path) for pattern in patterns({"8001": ingest, "8003": routing}[port])), path


def patterns(app: Service) -> list[re.Pattern[str]]:
    """What each path of the service's own document matches."""
    paths = app.openapi_schema.to_schema()["paths"]
    return [re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(path))) for path in paths]


def test_the_sample_region_is_as_large_as_told() -> None:
    (told,) = re.findall(r"\((\d+) institutions, (\d+) pages, (\d+) places", README)
    rows = {
        path.stem: list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) for path in REGION.glob("*.csv")
    }
    assert [int(number) for number in told] == [len(rows[name]) for name in ("institutions", "pages", "territories")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
