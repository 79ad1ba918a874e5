"""Comments in the files people have."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.classifier.comment_file import Comment, CommentFileError, open_comments, read_comments


def read(tmp_path: Path, name: str, content: bytes, column: str = "text") -> list[Comment]:
    path = tmp_path / name
    path.write_bytes(content)
    return read_comments(path, column=column)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_as_spreadsheets_write_it(tmp_path: Path, mark: str) -> None:
    content = f'\ufeffcomment_id{mark}text\n7{mark}"Лифт\nстоит, опять; вот"\n\n{mark}Спасибо\n'
    assert read(tmp_path, "a.CSV", content.encode()) == [
        Comment(line=2, text="Лифт\nстоит, опять; вот", id="7"),
        Comment(line=5, text="Спасибо"),
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    content = '{"id": 3, "body": "Когда?"}\r\n\n{"body": "", "id": null}\n'.encode()
    assert read(tmp_path, name, content, column="body") == [
        Comment(line=1, text="Когда?", id="3"),
        Comment(line=3, text=""),
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.xlsx", b"PK\x03\x04\n", "a spreadsheet's own file; save it as “CSV UTF-8”"),
        ("a.csv", b"", "the file is empty"),
        ("a.jsonl", b"\n\r\n", "the file is empty"),
        ("a.csv", b"id,text\n", "no comments in it"),
        ("a.csv", b"text;id\n\n", "no comments in it"),
        ("a.csv", b"id,comment\n", "no column `text`; it has id, comment"),
        ("a.csv", "text\nлифт\n".encode("cp1251"), "line 2: not in UTF-8; save it as “CSV UTF-8”"),
        ("a.csv", b"id,text\n1\n", "line 2: no text in `text`"),
        ("a.csv", b"text\n" + b"x" * 2_000_000, "line 2: not CSV: field larger than field limit"),
        ("a.csv", b"text," + b"x" * 2_000_000, "line 1: not CSV: field larger than field limit"),
        ("a.csv", b'\nid,text\n1,a\n2,"b\n3,c\n', "line 4: a quotation mark that opens .* up to line 5 became"),
        ("a.csv", b'id,text\n1,"a\n2,"b"\n3,c\n', "line 2: a quotation mark that opens .* up to line 3 became"),
        ("a.csv", b'text,"id\n1,a\n', "line 1: a quotation mark that opens"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', "line 2: not a JSON object"),
        ("a.jsonl", b'{"text": 1}\n', "line 1: no text in `text`"),
        ("a.jsonl", b'{"text": "\xff"}\n', "line 1: not in UTF-8"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    with pytest.raises(CommentFileError, match=f"{name}.*{told}"):
        read(tmp_path, name, content)


@pytest.mark.parametrize("content", ['\ufeff\n\n{"text": "Лифт"}\n', "\n\ntext\nЛифт\n", "\ufefftext\rЛифт\r"])
def test_what_no_ending_tells_the_first_sign_does(tmp_path: Path, content: str) -> None:
    for name in ("a.txt", "a"):
        assert [comment.text for comment in read(tmp_path, name, content.encode())] == ["Лифт"]


def test_comments_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text\none\ntwo\n" + b"x" * 2_000_000)
    with open_comments(path) as comments:
        assert [next(comments).text, next(comments).text] == ["one", "two"]
        with pytest.raises(CommentFileError, match="field larger"):
            next(comments)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CommentFileError, match="cannot be read"):
        read_comments(tmp_path / "absent.csv")
