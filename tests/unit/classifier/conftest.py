"""A small model, trained once in a second or two, and the packaged one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.classifier.model import Model
from services.classifier.training.embedded import Embedded
from services.classifier.training.rows import Row, read_corpus
from services.classifier.training.run import Training, train
from shared.topics import OTHER
from tests.fixtures.careful import Words

BITS = 11
"""Few columns train quickly."""
ROOT = Path(__file__).parents[3]


def some_rows() -> list[Row]:
    """Every fifth comment of the corpus, with few topics, so that training is quick."""
    rows = [row for source in read_corpus() for row in source.rows][::5]
    kept = {"heating", "water", "health", OTHER}
    return [
        Row(
            text=row.text,
            tag=row.tag,
            toxic=row.toxic,
            urgent=row.urgent,
            topic=row.topic if row.topic in kept else OTHER,
        )
        for row in rows
    ]


@pytest.fixture(scope="package")
def training() -> Training:
    """Of some_rows()."""
    return train(some_rows(), bits=BITS)


@pytest.fixture(scope="package")
def careful_training() -> Training:
    """Of every other of them, with a careful reader that reads Words."""
    return train(some_rows()[::2], bits=BITS, embedded=Embedded(Words()))


@pytest.fixture(scope="package")
def packaged() -> Model:
    """The model that comes with the program."""
    return Model.load()


@pytest.fixture
def shared_data() -> Path:
    """Real comments, which are not part of the project; skips where they are absent."""
    folder = Path(os.environ.get("OTKLIK_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "gold" / "dev.csv").exists():
        pytest.skip(f"no real comments in {folder} (OTKLIK_SHARED_DATA names their folder)")
    return folder
