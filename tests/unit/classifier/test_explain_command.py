"""`python -m services.classifier explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.classifier.explanation.explain_command import explain_command
from services.classifier.training.run import Training


@pytest.fixture
def folder(training: Training, tmp_path: Path) -> str:
    training.write(tmp_path / "model")
    return str(tmp_path / "model")


def test_one_text(folder: str) -> None:
    done = CliRunner().invoke(explain_command, ["--model", folder, "--text", "Когда включат воду?", "--spans", "2"])
    assert done.exit_code == 0, done.output
    (line,) = done.output.splitlines()
    assert set(json.loads(line)["reasons"]) == {"spam", "tag"}


def test_a_table_whose_columns_add_up(folder: str) -> None:
    text = "Когда уже включат воду?\x1b[2J 3aйм на карту, +7 900 000-00-00"
    done = CliRunner().invoke(
        explain_command, ["--model", folder, "--human", "--text", text, "--spans", "3", "--head", "tag"]
    )
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert "disguised: 3aйм read as займ\npersonal data: phone, +7 900 000-00-00\n" in done.output
    _, table = done.output.split("tag (if it is no spam; the highest wins)\n")
    title, *rows = table.splitlines()
    assert title.split() == ["complaint", "other", "question"]
    parts = [[float(cell) for cell in row.split()[-3:]] for row in rows]
    assert rows[-1].startswith("together")
    for column in zip(*parts, strict=True):
        assert sum(column[:-1]) == pytest.approx(column[-1], abs=0.005 * len(column))
    assert len([row for row in rows if not row.startswith(("(", "together"))]) == 3


@pytest.mark.parametrize("text", ["", "😡 \udc80", "а" * 100_000])
def test_a_table_of_any_text(folder: str, text: str) -> None:
    heads = [word for head in ("spam", "tag", "topic", "toxic", "urgent") for word in ("--head", head)]
    done = CliRunner().invoke(explain_command, ["--model", folder, "--human", "--text", text, *heads])
    assert done.exit_code == 0, done.output


def test_standard_input(folder: str) -> None:
    done = CliRunner().invoke(explain_command, ["--model", folder, "-"], input='{"text": "Нет воды"}\n')
    assert json.loads(done.output)["judgement"]


@pytest.mark.parametrize("text", ["", "😡", "\udc80 \x07", "а" * 100_000])
def test_any_text(folder: str, text: str) -> None:
    done = CliRunner().invoke(explain_command, ["--model", folder, "--text", text, "--head", "spam"])
    assert done.exit_code == 0, done.output
    json.loads(done.output)


def test_a_file(folder: str, tmp_path: Path) -> None:
    file = tmp_path / "comments.csv"
    file.write_text('id,words\n1,"Нет воды,\nкошмар"\n2,Спасибо\n', encoding="utf-8")
    done = CliRunner().invoke(explain_command, ["--model", folder, "--column", "words", str(file)])
    assert done.exit_code == 0, done.output
    assert len([json.loads(line) for line in done.output.splitlines()]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either --text or a FILE"),
        (["a.csv", "--text", "да"], "either --text or a FILE"),
        (["none.csv"], "cannot be read"),
        (["--text", "да", "--model", "nowhere"], "cannot be read"),
    ],
)
def test_what_does_not_work(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(explain_command, arguments)
    assert done.exit_code != 0
    assert message in done.output
