"""What the OpenAPI documents of the services tell is for those who call them, not for those who wrote them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.classifier.app import make_http as make_classifier
from services.classifier.life.live import Live
from services.classifier.model import Model
from services.ingest.app import make_app as make_ingest
from services.ingest.settings import Settings as IngestSettings
from services.routing.app import make_app as make_routing
from services.routing.settings import Settings as RoutingSettings
from shared.auth import KeyRing
from shared.web import Service
from shared.web.openapi import complete

NOTES = {
    "a module": re.compile(r"\b(services|shared|deploy|tests|features)\.\w|\.py\b"),
    "a name with a dot": re.compile(r"`[^`\s/]*[A-Za-z_]\.[A-Za-z_][^`\s]*`"),
    "a constant": re.compile(r"\b(?!OTKLIK_)[A-Z]+_[A-Z_]+\b"),
    "how Python says it": re.compile(r"\b(None|True|False|garbage collector|struct|event loop's|bucket)\b"),
}


@pytest.fixture(scope="module", params=["ingest", "classifier", "routing"])
def document(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("service")
    app = _app(request.param, folder)
    return complete(app.openapi_schema.to_schema(), app)


def _app(service: str, folder: Path) -> Service:
    database = f"sqlite:///{folder}/service.db"
    if service == "ingest":
        return make_ingest(IngestSettings(ingest_database_url=database, author_key="k" * 16))
    if service == "routing":
        return make_routing(RoutingSettings(routing_database_url=database))
    return make_classifier(Live(Model.load()), keyring=KeyRing())


def _told(part: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text for people, with its place."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("description", "summary") and isinstance(value, str):
                yield place, value
            else:
                yield from _told(value, f"{place}/{key}")
    elif isinstance(part, list):
        for value in part:
            yield from _told(value, place)


def test_no_programmers_notes(document: dict[str, Any]) -> None:
    found = {
        (place, kind, match[0])
        for place, text in _told(document)
        for kind, pattern in NOTES.items()
        if (match := pattern.search(text))
    }
    assert found == set()


def test_no_name_of_a_structure_tells_where_its_code_stands(document: dict[str, Any]) -> None:
    names = document["components"]["schemas"]
    assert [name for name in names if "." in name] == []
    assert set(re.findall(r"'#/components/schemas/([^']+)'", repr(document))) <= set(names)


def test_no_two_parameters_are_described_alike(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            told = Counter(parameter.get("description") for parameter in operation.get("parameters", ()))
            assert [text for text, count in told.items() if text and count > 1] == [], path
