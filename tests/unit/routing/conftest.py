"""The sample region, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.routing.domain.place_forms import Form, forms
from services.routing.domain.places import PlaceIndex
from services.routing.domain.registry import Registry
from services.routing.domain.registry_csv import COLUMNS, Rows, read

REGION = Path(__file__).parents[3] / "deploy" / "sample" / "region"


@pytest.fixture(scope="session")
def sample_rows() -> Rows:
    """The five files as rows."""
    rows = read({name: (REGION / f"{name}.csv").read_bytes().splitlines(keepends=True) for name in COLUMNS})
    assert rows.errors == []
    return rows


@pytest.fixture(scope="session")
def sample(sample_rows: Rows) -> Registry:
    """The registry of the sample region."""
    return Registry(
        territories=sample_rows.territories,
        institutions=sample_rows.institutions,
        pages=sample_rows.pages,
        competences=sample_rows.competences,
    )


@pytest.fixture(scope="session")
def sample_places(sample_rows: Rows, sample: Registry) -> PlaceIndex:
    """Its places in every form."""
    named: list[Form] = []
    for name in sorted({territory.name for territory in sample_rows.territories}):
        named += forms("territory", name)
    for name in sorted({street.name for street in sample_rows.streets}):
        named += forms("street", name)
    return PlaceIndex(sample, sample_rows.streets, named)
