"""`evaluate` as an operator meets it: tables, files, and what is said when something is wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from services.classifier.__main__ import main
from services.classifier.model import TAGS, Model
from services.classifier.training.disguises import DISGUISES
from services.classifier.training.evaluation import baselines, plots
from services.classifier.training.evaluation.command import Wanted, read_sets
from services.classifier.training.evaluation.floor import held_out_set
from services.classifier.training.evaluation.reading import Fast, Reading, read_all
from services.classifier.training.evaluation.robustness import chosen_rows, robustness
from services.classifier.training.evaluation.run import spam_together
from services.classifier.training.evaluation.sets import own_set
from services.classifier.training.rows import Row
from services.classifier.training.run import Training
from tests.unit.classifier.conftest import some_rows

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def model(training: Training, tmp_path: Path) -> Path:
    """The folder of a small model."""
    training.write(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Labelled comments, chats with spam, appeals."""
    labelled, chats, appeals = tmp_path / "labelled.jsonl", tmp_path / "chats.csv", tmp_path / "appeals.csv"
    rows = some_rows()[:60]
    labelled.write_text(
        "\n".join(
            json.dumps({"text": row.text, "tag": row.tag, "toxic": row.toxic, "topic": row.topic}) for row in rows
        ),
        encoding="utf-8",
    )
    chats.write_text("spam,text\n1,Заработок без вложений пишите в личку\n1,Займ за час\n0,пошли гулять\n", "utf-8")
    appeals.write_text("text,topic\nПочините лифт,Лифты\nНет отопления,ЖКХ\nУберите снег,Снег\n", encoding="utf-8")
    return labelled, chats, appeals


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_several_files_with_everything(model: Path, files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    labelled, chats, appeals = files
    out = tmp_path / "out"
    result = run(labelled, chats, "--ham", appeals, "--fast", "--model", model, "--out", out, "--no-baselines")
    assert result.exit_code == 0, result.output
    found = json.loads((out / "evaluation.json").read_text("utf-8"))
    name = labelled.parent.name
    assert list(found["sets"]) == [f"{name}/labelled.jsonl", f"{name}/chats.csv", f"{name}/appeals.csv"]
    first, second, third = (part["readers"]["fast"] for part in found["sets"].values())
    assert set(first) == {"rows", "said", "tag", "spam", "toxic", "topic"}
    assert second["spam"]["rows"] == 3
    assert "tag" not in second
    assert 0 <= third["spam"]["false"] <= 1
    assert found["together"]["fast"]["rows"] == 66
    disguised = found["sets"][f"{name}/labelled.jsonl"]["disguised"]["fast"]
    assert set(disguised) == {"plain", "average", *DISGUISES}
    assert disguised["average"]["macro_f1"] == pytest.approx(
        np.mean([disguised[one]["macro_f1"] for one in DISGUISES]), abs=1e-4
    )
    for title in ("labelled.jsonl, 60 comments", "class by class", "Disguised", "All files as one stream"):
        assert title.lower() in result.stdout.lower()
    assert "the careful reader is left out (--fast)" in result.stderr
    pictures = sorted(path for path in out.iterdir() if path.suffix == ".png")
    assert [path.name.partition("-labelled-")[2] for path in pictures] == [
        "confusion.png", "precision-recall.png", "reliability.png",
    ]  # fmt: skip
    assert all(path.read_bytes().startswith(PNG) for path in pictures)


def test_a_file_may_be_given_twice(model: Path, files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    _, chats, appeals = files
    out = tmp_path / "out"
    result = run(
        chats, "--spam", chats, "--ham", appeals, "--ham", appeals, "--fast", "--model", model, "--out", out,
        "--no-baselines", "--disguised", "0",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads((out / "evaluation.json").read_text("utf-8"))
    name = chats.parent.name
    rows = {name: part["readers"]["fast"]["rows"] for name, part in found["sets"].items()}
    assert list(rows) == [
        f"{name}/chats.csv", f"{name}/appeals.csv", f"{name}/appeals.csv (2)", f"{name}/chats.csv (2)",
    ]  # fmt: skip
    assert rows[f"{name}/chats.csv"] == 3 > rows[f"{name}/chats.csv (2)"] > 0
    assert found["together"]["fast"]["rows"] == sum(rows.values())


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("gold/dev.csv", "gold-dev"),
        ("gold/dev.csv (2)", "gold-dev-2"),
        ("corpus/held-out", "corpus-held-out"),
        ("my_files/dev.v2.csv", "my-files-dev.v2"),
        ("фото/а.csv", "фото-а"),
    ],
)
def test_the_pictures_of_each_set_have_names_of_their_own(
    name: str, file: str, packaged: Model, tmp_path: Path
) -> None:
    rows = [Row(text="Спасибо", tag="other"), Row(text="Нет воды", tag="complaint")]
    readings = {name: {"fast": read_all(Fast(packaged), [row.text for row in rows])}}
    drawn = plots.draw([own_set(name, rows)], readings, tmp_path)
    assert {path.name for path in drawn} == {
        f"{file}-{kind}.png" for kind in ("confusion", "reliability", "precision-recall")
    }


def test_what_was_learned_from_is_left_out_of_the_held_out_part_too(tmp_path: Path) -> None:
    measured = held_out_set()
    (tmp_path / "learned.csv").write_text(f'text\n"{measured.rows[0].text}"\n', encoding="utf-8")
    (left,) = read_sets(Wanted(without=(tmp_path / "learned.csv",)))
    assert (left.name, len(left.rows)) == (measured.name, len(measured.rows) - 1)
    assert left.notes[0].startswith("1 comments left out")


def test_the_baselines_learn_from_the_same_rows(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The corpus would take half a minute.
    learned: list[list[Row]] = []
    train = baselines.Tfidf.__init__

    def noting(self: baselines.Tfidf, rows: list[Row]) -> None:
        learned.append(rows)
        train(self, rows[::20])

    monkeypatch.setattr(baselines.Tfidf, "__init__", noting)
    fast = baselines.FastText.__init__
    monkeypatch.setattr(baselines.FastText, "__init__", lambda self, rows: fast(self, rows[::20]))
    more, measured = tmp_path / "more.csv", tmp_path / "measured.csv"
    more.write_text("text,tag\nСовсем новая жалоба,complaint\nЭто измеряют,other\n", encoding="utf-8")
    measured.write_text("text,tag\nЭто измеряют!,other\nПочему нет воды?,complaint\n", encoding="utf-8")
    result = run(measured, "--fast", "--model", model, "--train", more, "--disguised", "0")
    assert result.exit_code == 0, result.output
    texts = {row.text for row in learned[0]}
    assert "Совсем новая жалоба" in texts
    assert "Это измеряют" not in texts
    for name in ("fast", "TF-IDF + LR", "fastText"):
        assert name in result.stdout
    assert "training fastText on" in result.stderr


def test_without_fasttext_it_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from services.classifier.training.evaluation.command import trained_baselines

    monkeypatch.setattr(baselines, "has_fasttext", lambda: False)
    (only,) = trained_baselines(some_rows()[:80])
    assert only.name == "TF-IDF + LR"
    assert "fastText is not installed" in capsys.readouterr().err


def test_without_matplotlib_there_are_figures_alone(
    model: Path, files: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "has_matplotlib", lambda: False)
    result = run(files[1], "--fast", "--model", model, "--out", tmp_path / "out", "--no-baselines", "--disguised", "0")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["evaluation.json"]
    assert "matplotlib is not installed" in result.stderr


def test_what_is_learned_from_is_told(model: Path, files: tuple[Path, Path, Path]) -> None:
    sha256 = hashlib.sha256(files[1].read_bytes()).hexdigest()
    (model / "card.json").write_text(json.dumps({"data": [{"sha256": sha256}]}), encoding="utf-8")
    result = run(files[1], "--fast", "--model", model, "--no-baselines", "--disguised", "0")
    assert "this model learned from this very file" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint", "code"),
    [
        (["absent.csv"], "absent.csv: cannot be read (No such file or directory)", 1),
        (["--ham", "absent.csv"], "absent.csv: cannot be read", 1),
        (["--without", "absent.csv"], "absent.csv: cannot be read", 1),
        (["--train", "absent.csv"], "absent.csv: cannot be read", 1),
        (["--model", "absent"], "is this the folder of a model?", 1),
        (["--freeze", "a.csv"], "--freeze takes no FILE", 2),
        (["--out", "/dev/null"], "/dev/null: no evaluation can be written there (Not a directory)", 1),
        (["--out", "/dev/null/x"], "/dev/null/x: no evaluation can be written there (Not a directory)", 1),
        (["--out", "/proc/x"], "/proc/x: no evaluation can be written there (", 1),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], complaint: str, code: int, model: Path) -> None:
    chosen = arguments if "--model" in arguments else [*arguments, "--model", str(model)]
    result = run(*chosen, "--fast")
    assert result.exit_code == code
    assert complaint in result.stderr
    assert "Traceback" not in result.output


def test_robustness_reads_the_same_rows(training: Training) -> None:
    measured = own_set("corpus", some_rows()[:50])
    rows = chosen_rows(measured, 20)
    assert len(rows) == len(set(rows.tolist())) == 20
    told: list[int] = []
    found = robustness(measured, rows, Fast(training.model()), told.append)
    assert sum(told) == 20 * 11
    assert found == robustness(measured, rows, Fast(training.model()))
    assert len(chosen_rows(measured, 1_000)) == 50


def test_a_reading_is_what_the_model_judges(packaged: Model) -> None:
    texts = [row.text for row in some_rows()[:30]]
    reading = read_all(Fast(packaged), texts)
    judgements = packaged.judge(texts)
    assert reading.said == [one.tag for one in judgements]
    assert reading.flags["toxic"].tolist() == [one.flags.toxic for one in judgements]
    assert reading.topics == tuple(tuple(topic.topic for topic in one.topics) for one in judgements)
    assert reading.part(np.array([2, 4])).said == [judgements[2].tag, judgements[4].tag]
    assert len(read_all(Fast(packaged), texts * 100).scores) == 3_000


def test_spam_among_all_files() -> None:
    spam, ham = np.eye(4)[[TAGS.index("spam")]], np.eye(4)[[TAGS.index("other")]]
    sets = [own_set("a", [Row(text="а", tag="spam")]), own_set("b", [Row(text="б", tag="other"), Row(text="в")])]
    readings = [Reading(scores=spam), Reading(scores=np.concatenate([spam, ham]))]
    assert spam_together(sets, readings)["false"] == 1
    assert spam_together(sets, readings)["rows"] == 2


def test_baselines_know_what_they_were_shown() -> None:
    rows = some_rows()[:200]
    texts = [row.text for row in rows] + ["", "\n", "\ud800", "😀"]
    for reader in (baselines.Tfidf(rows), baselines.FastText(rows)):
        reading = reader.read(texts)
        assert reading.scores.shape == (len(texts), 4)
        np.testing.assert_allclose(reading.scores.sum(axis=1), 1, atol=1e-3)
        right = [said == row.tag for said, row in zip(reading.said, rows, strict=False)]
        assert np.mean(right) > 0.4
    np.testing.assert_allclose(baselines.FastText(rows).read(texts).scores, reading.scores, atol=1e-6)
