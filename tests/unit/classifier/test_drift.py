"""Drift: the same kind of comments is near 0, another kind is far."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.classifier.life.drift import ENOUGH, WINDOW, Drift, stability_index
from services.classifier.life.reference import (
    EDGES,
    Lexicon,
    Reference,
    make_reference,
    read_reference,
    write_reference,
)
from services.classifier.manifest import ModelError
from services.classifier.model import Model
from services.classifier.training.rows import read_corpus


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [row.text for source in read_corpus() for row in source.rows]


@pytest.fixture(scope="module")
def reference(packaged: Model, texts: list[str]) -> Reference:
    unseen = texts[1::3]
    return make_reference(
        packaged.version, trained_on=texts[::3], texts=unseen, judgements=packaged.judge(unseen), of=["corpus"]
    )


def drift_of(packaged: Model, reference: Reference | None, texts: list[str]) -> Drift:
    drift = Drift()
    drift.switch(packaged.version, reference)
    lexicon = drift.lexicon_for(packaged.version)
    if lexicon is not None:
        drift.add(packaged.version, drift.measure(texts, packaged.judge(texts), lexicon))
    return drift


def test_the_index_of_known_shares() -> None:
    assert stability_index([10, 20, 30], [10, 20, 30]) == 0
    assert stability_index([1000, 1000], [1000, 1000]) == pytest.approx(stability_index([50, 50], [7, 7]), abs=1e-9)
    # (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)
    assert stability_index([50_000, 50_000], [60_000, 40_000]) == pytest.approx(0.0405, abs=1e-4)
    assert stability_index([100, 0], [0, 100]) > 5


def test_the_same_kind_of_comments_has_not_drifted(packaged: Model, reference: Reference, texts: list[str]) -> None:
    indices = drift_of(packaged, reference, texts[2::3]).indices()
    assert set(indices) == set(EDGES)
    assert max(indices.values()) < 0.1, indices


def test_another_kind_has(packaged: Model, reference: Reference, texts: list[str]) -> None:
    latin = ["Please tell me when the library is open on Saturday, thank you"] * 300
    indices = drift_of(packaged, reference, latin).indices()
    assert indices["foreign"] > 1
    strange = [" ".join(word[::-1] for word in text.split()) for text in texts[2::3]]
    indices = drift_of(packaged, reference, strange).indices()
    assert indices["unknown"] > 0.5
    assert indices["length"] < 0.1
    hidden = [text.replace("о", "o").replace("а", "a") for text in texts[2::3]]
    indices = drift_of(packaged, reference, hidden).indices()
    assert indices["disguised"] > 1


def test_it_says_nothing_before_it_can(packaged: Model, reference: Reference, texts: list[str]) -> None:
    assert drift_of(packaged, reference, texts[: ENOUGH - 1]).indices() == {}
    assert drift_of(packaged, None, texts[:ENOUGH]).indices() == {}
    other = drift_of(packaged, reference, texts[:ENOUGH])
    assert other.indices()
    other.switch("another", reference)
    assert other.indices() == {}
    assert other.lexicon_for(packaged.version) is None


def test_it_looks_back_on_the_last_ones_alone(packaged: Model, reference: Reference, texts: list[str]) -> None:
    drift = drift_of(packaged, reference, ["x" * 100] * 50)
    lexicon = drift.lexicon_for(packaged.version)
    assert lexicon is not None
    usual = texts[2::3]
    for _ in range(WINDOW // len(usual) + 1):
        drift.add(packaged.version, drift.measure(usual, packaged.judge(usual), lexicon))
    assert max(drift.indices().values()) < 0.1
    drift.tell()


def test_any_text_can_be_measured(packaged: Model, reference: Reference) -> None:
    odd = ["", " ", "😀" * 50, "\ud800", "\ue000\ue001", "а" * 65_536, "\x00", "1", "ё", "ﷺ" * 100]
    values = Drift.measure(odd, packaged.judge(odd), Lexicon(reference.words))
    assert {len(column) for column in values.values()} == {len(odd)}


def test_it_lies_beside_the_model_and_no_text_in_it(reference: Reference, tmp_path: Path) -> None:
    assert read_reference(tmp_path) is None
    write_reference(tmp_path, reference)
    assert read_reference(tmp_path) == reference
    assert (tmp_path / "reference.json").stat().st_size < 64 * 1024


@pytest.mark.parametrize("damage", ["{", '{"format":2}', "words", "bins"])
def test_a_damaged_one_is_refused(reference: Reference, tmp_path: Path, damage: str) -> None:
    content = damage.encode()
    if damage == "words":
        content = msgspec.json.encode(msgspec.structs.replace(reference, words=b"1"))
    elif damage == "bins":
        content = msgspec.json.encode(msgspec.structs.replace(reference, bins={"length": (1, 2)}))
    (tmp_path / "reference.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"reference\.json"):
        read_reference(tmp_path)
