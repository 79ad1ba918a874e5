"""Reading carefully where nobody waits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from services.classifier.careful import reading
from services.classifier.careful.embedding import Embedder, EmbeddingFailed
from services.classifier.careful.opening import Careful
from services.classifier.careful.reading import careful_reader, read_carefully
from services.classifier.comment_file import Comment
from services.classifier.judgement import Judgement
from services.classifier.model import Model
from services.classifier.prediction import predict_all
from services.classifier.training.evaluation.reading import Careful as CarefulReader


class Length:
    """An embedder that knows how long a text is, and cannot embed "bad"."""

    name = "length"
    size = 1
    closed = False

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any(text == "bad" for text in texts):
            raise EmbeddingFailed("bad")
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    def close(self) -> None:
        self.closed = True


class Reads(Model):
    """The packaged model; carefully it is sure to four places of how long a text is."""

    def judge_carefully(
        self, texts: Sequence[str], embeddings: NDArray[np.float32], replies: Sequence[bool] | None = None
    ) -> list[Judgement]:
        judgements = self.judge(texts)
        return [
            msgspec.structs.replace(judgement, confidence=float(row[0]) / 10_000)
            for judgement, row in zip(judgements, embeddings, strict=True)
        ]


@pytest.fixture(scope="module")
def model() -> Reads:
    loaded = Reads.load()
    assert isinstance(loaded, Reads)
    loaded.careful_name = "length"
    return loaded


def test_each_text_with_its_own_embedding(model: Reads) -> None:
    texts = ["Нет воды", "Когда?", ""]
    assert [one.confidence for one in read_carefully(model, Length(), texts)] == [0.0008, 0.0006, 0.0]
    assert read_carefully(model, Length(), []) == []


def test_what_cannot_be_embedded_is_read_fast_and_alone(model: Reads) -> None:
    found = read_carefully(model, Length(), ["Нет воды", "bad", "Когда?"])
    assert [found[0].confidence, found[2].confidence] == [0.0008, 0.0006]
    assert found[1] == model.judge(["bad"])[0]


def test_a_careful_reader_fits_its_model(model: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    length = Length()

    def there(_careful: Careful = "auto", **_: bool) -> Embedder | None:
        return length

    def missing(_careful: Careful = "auto", **_: bool) -> Embedder | None:
        return None

    monkeypatch.setattr(reading, "load_embedder", there)
    assert careful_reader(model) == (length, "")
    monkeypatch.setattr(model, "careful_name", "e5")
    embedder, reason = careful_reader(model)
    assert embedder is None
    assert reason == "this model reads embeddings of e5, this machine makes those of length"
    assert length.closed
    monkeypatch.setattr(reading, "load_embedder", missing)
    assert "no careful reader on this machine" in careful_reader(model)[1]
    monkeypatch.setattr(model, "careful_name", None)
    assert careful_reader(model) == (None, "this model has no careful reader")


def test_evaluation_and_prediction_read_carefully(model: Reads, capsys: pytest.CaptureFixture[str]) -> None:
    comments = [Comment(line=line, text=text) for line, text in enumerate(["Нет воды", "bad"], 2)]
    predict_all(iter(comments), model, embedder=Length())
    first, second = capsys.readouterr().out.splitlines()
    assert '"confidence":0.0008' in first
    assert '"confidence":0.0008' not in second
    found = CarefulReader(model, Length()).read(["Нет воды", "bad"])
    assert found.said == [one.tag for one in model.judge(["Нет воды", "bad"])]
