"""What can be measured on, and what is said about a file that cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.classifier.training.evaluation.sets import read_set
from services.classifier.training.frozen import trace
from services.classifier.training.records import TrainingError
from services.classifier.training.rows import Row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def test_labels_of_our_own(path: Path) -> None:
    path.write_text("text,tag,topic,toxic,urgent,more\nа,spam,,1,0,x\nб,,heating,0,,\n", encoding="utf-8-sig")
    measured = read_set(path)
    first, second = measured.rows
    assert (first.tag, first.topic, first.toxic, first.urgent) == ("spam", None, True, False)
    assert (second.tag, second.topic, second.urgent) == (None, "heating", None)
    assert measured.spam == (True, None)
    assert measured.name == f"{path.parent.name}/a.csv"
    assert measured.notes == ()


def test_spam_or_not(path: Path) -> None:
    path.write_text("spam,text\n1,а\n0,б\n", encoding="utf-8")
    measured = read_set(path)
    assert measured.spam == (True, False)
    assert all(row.tag is None for row in measured.rows)


def test_nothing_is_spam(path: Path) -> None:
    path.write_text("date,text,topic,tag\n1,а,Снег,praise\n", encoding="utf-8")
    measured = read_set(path, "ham")
    assert measured.spam == (False,)
    assert measured.rows == (Row(text="а"),)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("spam,text\n1,а\n0,б\n", ["а"]),
        ("tag,text\nspam,а\nother,б\n", ["а"]),
        ("text\nа\nб\n", ["а", "б"]),
        # What an empty cell leaves open is not taken for spam.
        ("spam,text\n1,а\n,б\n", ["а"]),
        ("tag,spam,text\n,1,а\n,,б\nother,1,в\n", ["а"]),
    ],
)
def test_only_the_spam(path: Path, content: str, texts: list[str]) -> None:
    path.write_text(content, encoding="utf-8")
    measured = read_set(path, "spam")
    assert measured.texts == texts
    assert set(measured.spam) == {True}


def test_topics_of_others_are_left_out_and_told(path: Path) -> None:
    path.write_text("text,tag,topic\nа,spam,Снег\n", encoding="utf-8")
    measured = read_set(path)
    assert measured.rows[0].topic is None
    assert "topics are not those of shared/topics.py" in measured.notes[0]


def test_what_was_learned_from_can_be_left_out(path: Path) -> None:
    path.write_text("spam,text\n1,Заработок!\n0,да\n", encoding="utf-8")
    measured = read_set(path, without={trace(Row(text="ЗАРАБОТОК"))})
    assert measured.texts == ["да"]
    assert measured.notes[0].startswith("1 comments left out")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", "comment,tag\nа,spam\n", "no column `text`; it has comment, tag"),
        ("a.csv", "", "the file is empty"),
        ("a.csv", "text,tag\n", "no comments in it"),
        ("a.csv", "text,source\nа,vk\n", "none of the columns tag, spam, topic, toxic, urgent, personal_data"),
        ("a.csv", "text,source\nа,vk\n", "it has text, source. If nothing in it is spam, say --ham"),
        ("a.csv", "text,tag\nа,spam\nб,praise\n", "line 3: tag 'praise' is none of question, complaint, spam, other"),
        ("a.csv", "text,spam\nа,2\n", "line 2: spam is '2', expected 1 or 0, true or false"),
        ("a.csv", "text,topic\nа,heating\nб,weather\n", "line 3: topic 'weather' is not in shared/topics.py"),
        ("a.csv", "text,tag\nа,spam,x\n", "line 2: 3 fields where the header has 2"),
        ("a.jsonl", '{"text": "а", "tag": "spam"}\n{"text": ', "a.jsonl, line 2: not a JSON object"),
        ("a.jsonl", '{"text": 1, "tag": "spam"}\n', "a.jsonl, line 1: no text"),
        ("a.jsonl", '{"text": "а", "tag": ["spam"]}', "a.jsonl, line 1: tag ['spam'] is none of"),
        (
            "a.jsonl",
            '{"text": "а", "topic": "water"}\n{"text": "б", "topic": ["water"]}',
            "a.jsonl, line 2: topic ['water'] is not in",
        ),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match=re.escape(complaint)) as raised:
        read_set(path)
    assert str(path) in str(raised.value)


def test_no_comment_is_left(path: Path) -> None:
    path.write_text("text,tag\nа,other\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="no comment to measure on"):
        read_set(path, "spam")
    with pytest.raises(TrainingError, match="cannot be read"):
        read_set(path.with_name("absent.csv"))
