"""`train` as an operator meets it: what it writes, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from services.classifier.__main__ import main
from services.classifier.careful import opening
from services.classifier.careful.embedding import Embedder, EmbeddingFailed
from services.classifier.careful.opening import Careful
from services.classifier.model import Model
from services.classifier.training import run as training_run
from services.classifier.training.destination import check_folder
from services.classifier.training.embedded import Embedded
from services.classifier.training.frozen import CORPUS_SET, is_held_out
from services.classifier.training.rows import Row
from services.classifier.training.run import Training
from tests.fixtures.careful import Words
from tests.unit.classifier.conftest import BITS, some_rows

HAM = ["Спасибо за концерт", "Почините лифт во втором подъезде", "Когда откроют каток?"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few columns train quickly."""
    monkeypatch.setattr(
        training_run.train, "__kwdefaults__", (training_run.train.__kwdefaults__ or {}) | {"bits": BITS}
    )
    monkeypatch.setattr(training_run, "FITS_SAID_S", 0.0)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with a small one."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder / "a.jsonl", [record(row) for row in some_rows()[::2]])
    return folder


@pytest.fixture
def trained(corpus: Path, tmp_path: Path) -> Callable[..., Result]:
    """Runs `train --corpus … --out …` with further arguments."""

    def invoke(*arguments: str | Path, out: Path = tmp_path / "out") -> Result:
        options = ["train", "--corpus", corpus, "--out", out, *arguments]
        return CliRunner().invoke(main, [str(option) for option in options])

    return invoke


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Words:
    """What this machine embeds with."""
    made = Words()

    def load(_careful: Careful = "auto", **_: bool) -> Embedder | None:
        return made

    monkeypatch.setattr(opening, "load_embedder", load)
    return made


def record(row: Row) -> dict[str, Any]:
    return {"text": row.text, "tag": row.tag, "topic": row.topic, "toxic": row.toxic, "urgent": row.urgent}


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "card.json").read_text("utf-8"))
    return found


def test_the_corpus_alone(trained: Callable[..., Result], tmp_path: Path) -> None:
    result = trained("--fast")
    assert result.exit_code == 0, result.output
    model = Model.load(tmp_path / "out")
    assert result.stdout.strip() == model.version
    assert "without a careful reader" in result.stderr
    assert "the corpus alone" not in result.stderr
    assert re.search(r"topic: \d of 6 fits done", result.stderr)
    assert model.careful_name is None
    told = card(tmp_path / "out")
    assert told["version"] == model.version
    assert [item["name"] for item in told["data"]] == ["corpus/a.jsonl"]
    assert (tmp_path / "out" / "reference.json").exists()
    cross_validated, held = told["cross_validated"]["tag"]["macro_f1"], told["held_out"][CORPUS_SET]["tag"]["macro_f1"]
    said = f"macro-F1 of the tag {cross_validated:.3f} cross-validated, {held:.3f} on {CORPUS_SET}; "
    assert f"written to {tmp_path / 'out'}: {said}{tmp_path / 'out' / 'card.md'} says more" in result.stderr
    assert "careful" not in told["cross_validated"]
    # What is measured on was not learned.
    held_out = sum(is_held_out(row) for row in some_rows()[::2])
    assert told["held_out"][CORPUS_SET]["rows"] == held_out > 20
    assert told["data"][0]["rows"] == len(some_rows()[::2]) - held_out


def test_everything_at_once(trained: Callable[..., Result], words: Words, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", [{"text": f"{text} {n}", "tag": "other"} for n in range(9) for text in HAM])
    untagged = write(
        tmp_path / "untagged.jsonl", [{"text": f"{text} в {n} раз", "topic": "Лифт"} for n in range(9) for text in HAM]
    )
    measured = write(
        tmp_path / "measured.jsonl", [{"text": f"{HAM[0]} 1", "tag": "other"}, {"text": "Нет воды", "tag": "complaint"}]
    )
    result = trained(
        "--data", data, "--licence", "CC0", "--untagged", untagged, "MIT", "reports-spb",
        "--untagged", untagged, "MIT", "-", "--evaluate", measured, "--embeddings", tmp_path / "kept.npz",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    model = Model.load(tmp_path / "out")
    assert (model.careful_name, words.closed) == (Words.name, True)
    assert "the corpus alone, fast, to compare with on the card:" in result.stderr
    told = card(tmp_path / "out")
    folder = tmp_path.name
    assert [(item["name"], item["licence"], item["rows"]) for item in told["data"][1:]] == [
        (f"{folder}/data.jsonl", "CC0", 26),  # one of them is measured on
        (f"{folder}/untagged.jsonl", "MIT", 27),
        (f"{folder}/untagged.jsonl", "MIT", 27),
    ]
    assert set(told["held_out"]) == {CORPUS_SET, f"{folder}/measured.jsonl"}
    assert told["held_out"][f"{folder}/measured.jsonl"]["rows"] == 2
    assert told["held_out"][f"{folder}/measured.jsonl"]["careful"]["rows"] == 2
    assert told["cross_validated"]["careful"]["tag"]["macro_f1"] > 0.3
    assert told["corpus_only"]["cross_validated"]["tag"]["rows"] < told["cross_validated"]["tag"]["rows"]
    text = (tmp_path / "out" / "card.md").read_text("utf-8")
    for line in (
        "| careful reader, cross-validated |",
        "| corpus alone |",
        f"Held out, `{folder}/measured.jsonl` (2 rows",
    ):
        assert line in text
    # Trained again, nothing that was learned or measured on is embedded anew.
    again = Words()
    Embedded(again, tmp_path / "kept.npz").embed(sorted(set(words.read)))
    assert again.read == []
    assert {row.text for row in some_rows()[::2]} <= set(words.read)


def test_a_licence_that_is_not_stated_is_told_as_such(trained: Callable[..., Result], tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", [{"text": f"{text} {n}", "tag": "other"} for n in range(3) for text in HAM])
    assert trained("--fast", "--data", data).exit_code == 0
    assert card(tmp_path / "out")["data"][-1]["licence"] == "not stated"


@pytest.mark.parametrize(
    "case",
    [
        (["--data", "absent.csv"], "absent.csv: cannot be read (No such file or directory)", 1),
        (["--evaluate", "absent.csv"], "absent.csv: cannot be read", 1),
        (["--untagged", "absent.csv", "MIT", "-"], "absent.csv: cannot be read", 1),
        (
            ["--untagged", "ham.jsonl", "MIT", "moon"],
            "no taxonomy 'moon'; there are appeals-kursk, incident-management",
            1,
        ),
        # Where there are no topics to read, too.
        (["--untagged", "plain.jsonl", "MIT", "moon"], "no taxonomy 'moon'; there are appeals-kursk", 1),
        (["--data", "empty.csv"], "empty.csv: the file is empty", 1),
        (["--untagged", "ham.jsonl", "MIT"], "requires 3 arguments", 2),
        (["--data", "ham.jsonl"], "ham.jsonl, line 1: none of the labels tag, topic, toxic, urgent", 1),
        (["--corpus", "nowhere"], "nowhere: no *.jsonl in it", 1),
        (["--licence", "MIT"], "more --licence than --data", 2),
        (["--publish"], "--publish and --promote go with --labels", 2),
        (["--promote"], "--publish and --promote go with --labels", 2),
        (["--tolerance", "2"], "is not in the range 0<=x<=1", 2),
    ],
)
def test_what_cannot_be_done_is_said(
    trained: Callable[..., Result], training: Training, tmp_path: Path, case: tuple[list[str], str, int]
) -> None:
    arguments, complaint, code = case
    before = training.write(tmp_path / "out").version
    write(tmp_path / "ham.jsonl", [{"text": text, "topic": "Лифт"} for text in HAM])
    write(tmp_path / "plain.jsonl", [{"text": text} for text in HAM])
    (tmp_path / "empty.csv").touch()
    if arguments[:2] == ["--data", "ham.jsonl"]:
        write(tmp_path / "ham.jsonl", [{"text": text} for text in HAM])
    places = [str(tmp_path / one) if one.endswith((".csv", ".jsonl")) or one == "nowhere" else one for one in arguments]
    result = trained("--fast", *places)
    assert result.exit_code == code
    assert complaint in re.sub(r"\s+", " ", result.stderr)
    assert "Traceback" not in result.output
    assert Model.load(tmp_path / "out").version == before


@pytest.mark.parametrize("more", [[], ["--packaged", "--out", "here"]])
def test_the_packaged_model_is_only_replaced_when_that_is_said(more: list[str]) -> None:
    result = CliRunner().invoke(main, ["train", "--fast", "--corpus", "nowhere", *more])
    assert result.exit_code == 2
    assert "--out names the folder for the model; --packaged, instead, replaces" in re.sub(r"\s+", " ", result.stderr)
    result = CliRunner().invoke(main, ["train", "--fast", "--corpus", "nowhere", "--packaged"])
    assert "nowhere: no *.jsonl in it" in result.stderr


def test_corrections_never_go_into_the_packaged_model() -> None:
    result = CliRunner().invoke(main, ["train", "--labels", "--fast"])
    assert result.exit_code == 2
    assert "--labels needs --out" in result.stderr


def test_too_little_to_learn_from_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder / "a.jsonl", [{"text": text, "tag": "other"} for text in HAM])
    result = CliRunner().invoke(main, ["train", "--fast", "--corpus", str(folder), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "spam: at least two values, each 5 times, are needed to learn it" in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_embedder_that_fails_stops_it(
    trained: Callable[..., Result], words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_texts: list[str]) -> None:
        raise EmbeddingFailed("it died")

    monkeypatch.setattr(words, "embed", fail)
    result = trained()
    assert (result.exit_code, words.closed) == (1, True)
    assert "it died" in result.stderr
    assert not (tmp_path / "out").exists()


def test_where_no_model_can_be_written_is_said_before_anything_is_learned(
    trained: Callable[..., Result], words: Words, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    # Nothing can be made in the last one, though root may write to it.
    for out in (tmp_path / "file", tmp_path / "file" / "new" / "model", Path("/proc/nope")):
        result = trained(out=out)
        assert (result.exit_code, words.read) == (1, [])
        assert f"{out}: no model can be written there (" in result.stderr
        assert "fitting" not in result.stderr
    check_folder(tmp_path / "new" / "model", "model")
    assert [path.name for path in tmp_path.iterdir() if path.name != "corpus"] == ["file"]


def test_a_file_of_embeddings_that_cannot_be_read_is_named(
    trained: Callable[..., Result], words: Words, tmp_path: Path
) -> None:
    result = trained("--embeddings", tmp_path)
    assert (result.exit_code, words.closed, words.read) == (1, True, [])
    assert f"Is a directory: '{tmp_path}'" in result.stderr


def test_where_nothing_embeds_the_fast_reader_is_trained(
    trained: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_careful: Careful = "auto", **_: bool) -> Embedder | None:
        return None

    monkeypatch.setattr(opening, "load_embedder", missing)
    result = trained()
    assert result.exit_code == 0, result.output
    assert "without a careful reader" in result.stderr
    assert Model.load(tmp_path / "out").careful_name is None
