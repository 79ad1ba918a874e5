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
    assert set(json.loads(done.output)["reasons"]) == {"spam", "tag"}


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
