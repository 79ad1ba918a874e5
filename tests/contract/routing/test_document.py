"""The guide names every part of the API, and the API's own document tells who may call what."""

from __future__ import annotations

from pathlib import Path

from services.routing.app import make_app
from services.routing.settings import Settings
from services.routing.web import HANDLERS
from shared.web.openapi import complete

GUIDE = Path(__file__).parents[3] / "docs/api.md"


def test_the_guide_names_every_part_of_the_api(tmp_path: Path) -> None:
    app = make_app(Settings(routing_database_url=f"sqlite:///{tmp_path}/routing.db"))
    document = complete(app.openapi_schema.to_schema(), app)
    parts = {"/".join(path.split("/")[:3]) for path in document["paths"] if path.startswith("/v1/")}
    assert len(parts) >= len(HANDLERS)
    guide = GUIDE.read_text(encoding="utf-8")
    assert sorted(part for part in parts if part not in guide) == []


def test_every_operation_says_who_may_call_it(tmp_path: Path) -> None:
    app = make_app(Settings(routing_database_url=f"sqlite:///{tmp_path}/routing.db"))
    document = complete(app.openapi_schema.to_schema(), app)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path.startswith("/v1/"):
                roles = set(operation["x-roles"])
                assert "admin" in roles, path
                assert not roles & {"ingest", "service"}, path
                assert "auditor" not in roles or method == "get", path
