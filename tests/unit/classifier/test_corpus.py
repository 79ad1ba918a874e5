"""`corpus`: the shipped one is in order, and one that is not is told so line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from services.classifier.curation import balance, command
from services.classifier.curation.likeness import SHORT
from services.classifier.curation.readme import BEGIN, END
from services.classifier.similarity import plain

LONG = "Когда наконец починят лифт в третьем подъезде дома на Садовой"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command.corpus, [str(word) for word in words])


def row(id: str, text: str, **changed: Any) -> dict[str, Any]:
    labels = {"tag": "complaint", "topic": "housing", "toxic": False, "urgent": False, "personal_data": False}
    return {"id": id, "text": text, **labels, "labelled_by": "otklik", **changed}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two comments in order, of which no more are asked for."""
    for name in ("MIN_ROWS", "MIN_TAG_SHARE", "MIN_TOPIC_ROWS", "MIN_FLAG_ROWS"):
        monkeypatch.setattr(balance, name, 0)
    write(tmp_path, row("c0001", LONG), row("c0002", "Спасибо", tag="other", topic="other"))
    (tmp_path / "README.md").write_text(f"`town`: a town\n\n{BEGIN}\n{END}\n\nThe end\n", encoding="utf-8")
    assert run("counts", "--write", "--corpus", tmp_path).exit_code == 0
    return tmp_path


def write(folder: Path, *rows: dict[str, Any] | str) -> None:
    lines = (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in rows)
    (folder / "town.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_the_shipped_corpus_is_in_order() -> None:
    result = run("check")
    assert result.exit_code == 0, result.output
    assert "in order" in result.stdout


def test_nothing_that_is_measured_on_is_in_the_shipped_corpus(shared_data: Path) -> None:
    files = [shared_data / name for name in ("gold/dev.csv", "appeals-kursk/train.csv", "spam-telegram/train.csv")]
    result = run("check", *(word for file in files for word in ("--against", file)))
    assert result.exit_code == 0, result.output


def test_counts_are_written_once_and_printed_alike(folder: Path) -> None:
    again = run("counts", "--write", "--corpus", folder)
    assert "up to date" in again.stdout
    printed = run("counts", "--corpus", folder).stdout.strip()
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{BEGIN}\n{printed}\n{END}\n\nThe end\n" in text
    assert "| `housing` | 1 | 0 | 0 | 0 | 1 |" in printed
    assert run("check", "--corpus", folder).stdout == "2 comments in 1 files: in order\n"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"tag": "complain"}, "tag is 'complain'; 'complaint' may be meant; known: question, complaint, spam, other"),
        ({"topic": "lifts"}, "topic is 'lifts'"),
        ({"tag": "spam"}, "spam about housing; the topic of spam is other"),
        ({"toxic": 0}, "toxic is 0; write true or false"),
        ({"id": "17"}, "id is '17'; it is written c and four figures or more"),
        ({"text": " "}, "text is empty"),
        ({"labelled_by": ""}, "say who labelled it"),
        ({"note": "x"}, "note does not belong here"),
        ({"id": "c0001"}, "id c0001 is that of town.jsonl:1 already"),
    ],
)
def test_a_wrong_line_is_named_with_its_remedy(folder: Path, changed: dict[str, Any], told: str) -> None:
    write(folder, row("c0001", LONG), {**row("c0002", "Спасибо"), **changed})
    result = run("--corpus", folder)
    assert result.exit_code == 1
    assert any(line.startswith("town.jsonl:2: ") and told in line for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("line", "told"),
    [("", "an empty line"), ("[]", "not one JSON object"), ("{}", "no id, text, tag"), ('{"a', "not one JSON object")],
)
def test_a_line_that_is_no_row(folder: Path, line: str, told: str) -> None:
    write(folder, row("c0001", LONG), line, row("c0002", "Спасибо", tag="other", topic="other"))
    result = run("--corpus", folder)
    assert f"town.jsonl:2: {told}" in result.stdout
    assert result.exit_code == run("counts", "--corpus", folder).exit_code == 1


def test_two_alike_are_named_together(folder: Path) -> None:
    write(folder, row("c0001", LONG), row("c0002", LONG.upper() + "?!"))
    assert "c0002 and c0001 (town.jsonl:1) are alike by 1.00" in run("--corpus", folder).stdout


def test_leaks_are_named_without_their_text(folder: Path) -> None:
    against = folder / "eval.csv"
    against.write_text(f'text\nПривет\n"{LONG}, а?"\nспасибо!\nСпасибо вам\n', encoding="utf-8")
    result = run("--corpus", folder, "--against", against)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first.startswith(f"town.jsonl:1: c0001 is in {against}, line 3: alike by 0.9")
    assert second.startswith(f"town.jsonl:2: c0002 is in {against}, line 4: alike by 1.00")
    assert "а?" not in result.stdout
    assert len(plain("Спасибо вам")) < SHORT


def test_the_readme_must_agree(folder: Path) -> None:
    readme = folder / "README.md"
    write(folder, row("c0001", LONG), row("c0002", "Спасибо", tag="question"))
    assert "README.md: its counts are out of date" in run("--corpus", folder).stdout
    assert run("counts", "--write", "--corpus", folder).exit_code == 0
    assert run("--corpus", folder).exit_code == 0
    readme.write_text(readme.read_text(encoding="utf-8").replace("`town`: a town", ""), encoding="utf-8")
    assert "does not say what is in `town`" in run("--corpus", folder).stdout
    readme.write_text("", encoding="utf-8")
    assert "between which the counts belong" in run("--corpus", folder).stdout
    assert run("counts", "--write", "--corpus", folder).exit_code == 1
    readme.unlink()
    assert "README.md: missing" in run("--corpus", folder).stdout
    assert run("counts", "--write", "--corpus", folder).exit_code == 1


def test_too_little_of_a_kind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "MIN_ROWS", 3)
    monkeypatch.setattr(balance, "MIN_TAG_SHARE", 0.2)
    monkeypatch.setattr(balance, "MIN_TOPIC_ROWS", 1)
    monkeypatch.setattr(balance, "MIN_FLAG_ROWS", 1)
    told = run("--corpus", folder).stdout
    assert "corpus: 2 comments; at least 3 are asked for" in told
    assert "corpus: 0 of 2 are spam; at least 20% are needed" in told
    assert "corpus: 0 questions about housing; at least 1 are needed" in told
    assert "0 complaints about housing" not in told
    assert "corpus: 0 with the flag urgent; at least 1 are needed" in told


def test_unusable_options_and_files(folder: Path) -> None:
    assert run("check", "--write").exit_code == 2
    assert run("counts", "--against", folder / "a.csv").exit_code == 2
    assert "cannot be read" in run("--corpus", folder, "--against", folder / "a.csv").stderr
    assert "no *.jsonl in it" in run("--corpus", folder / "nowhere").stdout
