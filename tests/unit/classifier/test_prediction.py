"""`predict FILE` as an operator meets it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.classifier.__main__ import main
from services.classifier.comment_file import MAX_FIELD
from services.classifier.judgement import Judgement
from tests.unit.classifier.conftest import ROOT


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
    assert result.stderr.splitlines()[-1].startswith("without text: line 4;")


def test_standard_input(run: CliRunner) -> None:
    result = run.invoke(main, ["predict", "-"], input="text\nСпасибо\n")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("id;text\n1;Спасибо\n", []),
        ('{"id": 1, "text": "Спасибо"}\n', []),
        ("id,words\n1,Спасибо\n", ["--column", "words"]),
    ],
)
def test_all_that_explain_and_label_read(run: CliRunner, content: str, options: list[str]) -> None:
    result = run.invoke(main, ["predict", "--fast", "-", *options], input=content)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["tag"] == "other"
    assert result.stderr == ""


def test_how_many_had_no_text(run: CliRunner) -> None:
    result = run.invoke(main, ["predict", "--fast", "-"], input='text\nСпасибо\n""\n" "\n')
    assert len(result.stdout.splitlines()) == 3
    assert "without text: 2 comments, the first in line 3;" in result.stderr


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "Спасибо\n" * 3_000, encoding="utf-8")
    command = [sys.executable, "-m", "services.classifier", "predict", "--fast", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_leaving_while_modules_are_read() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "services.classifier", "predict", "-"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("click.globals" in line for line in process.stderr)  # click itself is still being read
        process.send_signal(signal.SIGINT)
        told = [line for line in process.stderr if not line.startswith("import time:")]
        assert told == []


def test_leaving_while_comments_are_awaited() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "services.classifier", "predict", "-"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.rstrip().endswith("services.classifier.manifest") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        told = [line.strip() for line in process.stderr if not line.startswith("import time:")]
        assert "".join(told) == "Aborted!"
        assert process.wait() == 1


def test_more_than_a_batch(run: CliRunner) -> None:
    result = run.invoke(main, ["predict", "-"], input="text\n" + "Спасибо\n" * 700)
    assert len(set(result.stdout.splitlines())) == 1
    assert len(result.stdout.splitlines()) == 700


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"id,comment\n1,a\n", "no column `text`; it has id, comment"),
        (b"", "the file is empty"),
        (b"text\n", "no comments in it"),
        (b"text\n\xff\xfe\n", "line 2: not in UTF-8"),
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
