"""`agreement`: two people's labels compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sklearn.metrics import cohen_kappa_score

from services.classifier.labelling.agreement import agreements, paired, read_labels
from services.classifier.labelling.agreement_command import agreement

TAGS = ["complaint", "question", "spam", "other"]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(agreement, [str(word) for word in words])


def rows(tags: list[str], **changed: Any) -> list[dict[str, Any]]:
    return [{"id": f"k{n}", "text": f"text {n}", "tag": tag, "toxic": False, **changed} for n, tag in enumerate(tags)]


def test_kappa_table_and_differences(tmp_path: Path) -> None:
    first, second = TAGS * 5, [*TAGS * 4, "question", "question", "spam", "other"]
    one, two = write(tmp_path / "a.jsonl", *rows(first)), write(tmp_path / "b.jsonl", *rows(second), *rows(["spam"]))
    second[0] = "spam"
    result = run(one, two)
    assert result.exit_code == 0, result.output
    assert "in both: 20" in result.stdout
    assert f"tag: kappa {cohen_kappa_score(first, second):.3f} (95 %: " in result.stdout
    assert "; 2 of 20 differ" in result.stdout
    assert "toxic: 0 of 20 differ; no kappa: both gave the same value to all" in result.stdout
    assert "           question complaint      spam     other\n" in result.stdout
    assert "differences: 2 (comment, label, A, B)\nk0\ttag\tcomplaint\tspam\nk16\ttag\tcomplaint\tquestion" in (
        result.stdout
    )
    assert "text 0" not in result.stdout
    assert "\ttext 16\n" in run(one, two, "--show-text").stdout


def test_the_interval_holds_kappa_and_is_the_same_each_time(tmp_path: Path) -> None:
    one = read_labels(write(tmp_path / "a.jsonl", *rows(TAGS * 20)))
    two = read_labels(write(tmp_path / "b.jsonl", *rows([*TAGS * 17, *TAGS[::-1] * 3])))
    tag, _ = agreements(paired(one, two))
    again, _ = agreements(paired(one, two))
    assert tag.kappa is not None
    assert tag.interval is not None
    assert tag.interval[0] < tag.kappa < tag.interval[1]
    assert tag.interval == again.interval


def test_without_a_difference_the_doubt_that_is_left(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *rows(TAGS * 25))
    assert "tag: kappa 1.000; 0 of 100 differ (of more comments up to 3.0% might)" in run(path, path).stdout


def test_no_interval_where_every_sample_says_the_same(tmp_path: Path) -> None:
    one = write(tmp_path / "a.jsonl", *rows(["other"] * 20))
    two = write(tmp_path / "b.jsonl", *rows([*["other"] * 19, "spam"]))
    assert "tag: kappa 0.000 (too little differs for an interval); 1 of 20 differ" in run(one, two).stdout


def test_a_file_beside_itself_is_remarked_on(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, *rows(TAGS)) for name in ("a.jsonl", "b.jsonl"))
    assert "both files are the same" in run(one, one).stdout
    assert "both files are the same" in run(one, two).stdout
    assert "both files are the same" not in run(one, write(two, *rows(["spam", *TAGS[1:]]))).stdout


def test_what_only_one_labelled_is_left_out(tmp_path: Path) -> None:
    one = write(tmp_path / "a.jsonl", *rows(["spam", "other"], topic=None, urgent=True))
    two = write(tmp_path / "b.jsonl", *rows(["spam", "other"], topic="snow"))
    result = run(one, two)
    assert "topic" not in result.stdout
    assert "urgent" not in result.stdout
    empty = write(tmp_path / "c.jsonl", {"text": "text 0"})
    assert "no label was given by both" in run(one, empty).stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"text": "b", "tag": "spam"}', "share no comment; two people must label the same file"),
        ('{"text": "b", "tag": "ham"}', "line 1: not a label"),
        ('{"tag": "spam"}', "line 1: neither `text` nor `sha256`"),
        ("text", "line 1: not a label"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, content: str, told: str) -> None:
    one, two = write(tmp_path / "a.jsonl", {"text": "a", "tag": "spam"}), tmp_path / "b.jsonl"
    two.write_text(content, encoding="utf-8")
    result = run(one, two)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "cannot be read" in run(one, tmp_path / "absent").stderr
