"""`predict FILE` as an operator meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.classifier.__main__ import main
from services.classifier.judgement import Judgement
from services.classifier.prediction import MAX_FIELD


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


def test_a_file(run: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    path.write_text('id,text\n1,"Когда, наконец, починят\nлифт?"\n2,\n3,Спасибо\n', encoding="utf-8-sig")
    result = run.invoke(main, ["predict", str(path)])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 3
    assert all(set(line) == set(Judgement.__struct_fields__) for line in lines)
    assert lines[2]["tag"] == "other"
    assert result.stderr == ""


def test_standard_input(run: CliRunner) -> None:
    result = run.invoke(main, ["predict", "-"], input="text\nСпасибо\n")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1


def test_more_than_a_batch(run: CliRunner) -> None:
    result = run.invoke(main, ["predict", "-"], input="text\n" + "Спасибо\n" * 700)
    assert len(set(result.stdout.splitlines())) == 1
    assert len(result.stdout.splitlines()) == 700


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"id,comment\n1,a\n", "no column `text`; it has id, comment"),
        (b"", "no column `text`; it has nothing"),
        (b"text\n\xff\xfe\n", "not a CSV file in UTF-8"),
        (b"text\n" + b"x" * (MAX_FIELD + 1), "field larger than field limit"),
    ],
)
def test_unusable_content(run: CliRunner, content: bytes, complaint: str) -> None:
    result = run.invoke(main, ["predict", "-"], input=content)
    assert result.exit_code == 1
    assert complaint in result.stderr
    assert "standard input" in result.stderr


def test_unusable_files(run: CliRunner, tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        result = run.invoke(main, ["predict", str(path)])
        assert result.exit_code == 1
        assert f"{path}: cannot be read" in result.stderr


def test_an_unusable_model(run: CliRunner, tmp_path: Path) -> None:
    result = run.invoke(main, ["predict", "-", "--model", str(tmp_path)], input="text\nа\n")
    assert result.exit_code == 1
    assert "is this the folder of a model?" in result.stderr


def test_train_says_what_is_wrong(run: CliRunner, tmp_path: Path) -> None:
    result = run.invoke(main, ["train", "--data", str(tmp_path / "absent.csv"), "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "absent.csv: cannot be read" in result.stderr
    assert run.invoke(main, ["train", "--licence", "MIT"]).exit_code == 2
