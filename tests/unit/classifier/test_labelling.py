"""`label` without a terminal: what a person presses, and what is in the file afterwards."""

from __future__ import annotations

import errno
import json
import os
import pwd
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from click.testing import CliRunner

from services.classifier.comment_file import Comment
from services.classifier.judgement import Judgement
from services.classifier.labelling import command
from services.classifier.labelling.answers import Answer, AnswerFile, AnswersError, digest
from services.classifier.labelling.command import label
from services.classifier.labelling.order import distinct, informative, shuffled
from services.classifier.labelling.refusals import RU as RU_REFUSALS
from services.classifier.labelling.session import Judge, Session, Suggest
from services.classifier.labelling.terminal import Left
from services.classifier.labelling.topics import matching
from services.classifier.labelling.wording import EN, FLAG_KEYS, RU, TAG_KEYS, Act, Wording
from services.classifier.refusal import Refusal
from services.classifier.training.rows import Row, read_source
from services.classifier.visible import visible
from shared.events import Flags, TopicScore
from shared.topics import TOPICS

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
COMMENTS = [Comment(line=n, text=text, id=f"k{n}") for n, text in enumerate(["Лифт стоит", "Когда приём?", "Ура"], 2)]


class Script:
    """A terminal whose person presses `keys` in turn (a word of several signs is typed and ended with Enter)."""

    def __init__(self, *keys: str) -> None:
        self._keys: Iterator[str] = iter(keys)
        self.shown: list[str] = []

    def show(self, text: str = "", *, bold: bool = False) -> None:
        self.shown.append(text)

    def key(self) -> str:
        try:
            return next(self._keys)
        except StopIteration:
            raise Left from None

    def line(self, prompt: str) -> str:
        self.shown.append(prompt)
        return self.key()

    @property
    def screen(self) -> str:
        return "\n".join(self.shown)


def judged(text: str) -> Judgement:
    return Judgement(
        tag="question",
        scores={"question": 0.6, "complaint": 0.2, "spam": 0.1, "other": 0.1},
        confidence=0.6,
        unsure=True,
        topic="housing",
        topics=(TopicScore(topic="housing", score=0.9),),
        flags=Flags(urgent=True),
    )


def press(
    path: Path,
    *keys: str,
    wording: Wording = EN,
    judge: Judge | None = None,
    suggest: Suggest = "after",
    topics: bool = True,
    comments: list[Comment] = COMMENTS,
) -> str:
    """What was on the screen."""
    script = Script(*keys)
    with AnswerFile(path, by="anna") as answers:
        Session(
            comments, answers, script, wording, clock=lambda: NOW, judge=judge, suggest=suggest, topics=topics
        ).run()
    return script.screen


def stored(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


def test_what_is_answered_can_be_learned_from(path: Path) -> None:
    screen = press(path, "6", "1", "лифт", "2", "", "5", "4")
    assert "Everything is labelled" in screen
    assert stored(path)[0] == {
        "id": "k2", "sha256": digest("Лифт стоит"), "text": "Лифт стоит", "tag": "complaint", "topic": "housing",
        "toxic": False, "urgent": True, "personal_data": False, "suggested": False, "labelled_by": "anna",
        "at": "2026-03-02T12:00:00Z",
    }  # fmt: skip
    flags: dict[str, Any] = {"personal_data": False, "streamlike": True}
    assert read_source(path, streamlike=True).rows == (
        Row(text="Лифт стоит", tag="complaint", topic="housing", toxic=False, urgent=True, **flags),
        Row(text="Когда приём?", tag="question", toxic=False, urgent=False, **flags),
        Row(text="Ура", tag="other", toxic=True, urgent=False, **flags),
    )


def test_going_on_where_one_stopped(path: Path) -> None:
    assert "0 of 3 labelled." in press(path, "3", "q")
    screen = press(path, "4", "q")
    assert "1 of 3 labelled." in screen
    assert "Лифт стоит" not in screen
    assert [(row["text"], row["tag"]) for row in stored(path)] == [("Лифт стоит", "spam"), ("Когда приём?", "other")]


def test_undo_reaches_back_over_a_restart(path: Path) -> None:
    press(path, "5", "3", "4")
    screen = press(path, "u", "u", "u", "4", "q")
    assert "The answer “other” is taken back" in screen
    assert "The answer “spam, rude” is taken back" in screen
    assert "There is nothing to undo." in screen
    assert [(row["text"], row["tag"], row["toxic"]) for row in stored(path)] == [("Лифт стоит", "other", False)]


def test_the_last_answer_can_be_taken_back_too(path: Path) -> None:
    screen = press(path, "3", "3", "3", "x", "u", "4", "q")
    assert screen.count("Everything is labelled, thank you!\nu undo the last answer   q end") == 2
    assert "does nothing here.\nu undo" in screen
    assert [row["tag"] for row in stored(path)] == ["spam", "spam", "other"]
    screen = press(path, "u", "u", "u", "u", "q")
    assert "0 of 3 labelled." in screen
    assert stored(path) == []


def test_only_what_is_about_something_has_a_topic(path: Path) -> None:
    press(path, "3", "4", "1", "лифт")
    assert [(row["tag"], row["topic"]) for row in stored(path)] == [
        ("spam", None),
        ("other", None),
        ("complaint", "housing"),
    ]


def test_that_an_answer_waits_for_its_topic_is_said(path: Path) -> None:
    screen = press(path, "1", "", "q")
    before, _ = screen.split("Stored: complaint.")
    assert "With it the answer is stored." in before


def test_an_answer_of_another_file_is_not_undone(path: Path) -> None:
    press(path, "4")
    screen = press(path, "u", "q", comments=COMMENTS[1:])
    assert "belongs to another file" in screen
    assert "0 of 2 labelled." in screen
    assert len(stored(path)) == 1


def test_skipped_ones_come_again_at_the_end(path: Path) -> None:
    screen = press(path, "s", "4", "s", "3", "s", "4")
    assert screen.count("Only skipped ones are left: 2.") == 1
    assert [row["text"] for row in stored(path)] == ["Когда приём?", "Лифт стоит", "Ура"]


def test_a_topic_by_word_number_list_or_not_at_all(path: Path) -> None:
    screen = press(path, "1", "?", "xyz", "с", "-", "2", "2", "2", "")
    assert f"{len(TOPICS)} Other" in screen
    assert "There is no such topic." in screen
    assert "Several fit, type the number:" in screen
    assert [(row["tag"], row["topic"]) for row in stored(path)] == [("question", "snow"), ("question", None)]


def test_topics_need_not_be_asked_for(path: Path) -> None:
    press(path, "1", "2", "3", topics=False)
    assert [row["topic"] for row in stored(path)] == [None, None, None]


def test_leaving_at_the_topic_says_that_the_answer_is_lost(path: Path) -> None:
    assert "not stored" in press(path, "1")
    assert stored(path) == []


def test_the_machine_is_silent_before_the_answer_and_speaks_after_it(path: Path) -> None:
    screen = press(path, "4", "2", "", "q", judge=judged)
    before, after = screen.split("Stored: other.")
    assert "machine thinks" not in before
    assert after.startswith("\nThe machine would have said: question (60%).")
    assert "The machine would have said the same." in after
    assert [row["suggested"] for row in stored(path)] == [False, False]


def test_that_the_machine_was_asked_is_kept(path: Path) -> None:
    screen = press(path, "m", "4", "q", judge=judged)
    assert "question 60%, complaint 20%, spam 10%, other 10%. Topic: Upkeep of houses, entrances, lifts." in screen
    assert "Marks: urgent." in screen
    assert "would have said" not in screen
    assert stored(path)[0]["suggested"] is True


def test_the_machine_before_the_answer_or_never(path: Path) -> None:
    assert "machine thinks" in press(path, "4", "q", judge=judged, suggest="before")
    screen = press(path, "m", "4", "q", judge=judged, suggest="never")
    assert "switched off" in screen
    assert [row["suggested"] for row in stored(path)] == [True, False]


def test_guide_flags_and_wrong_keys(path: Path) -> None:
    screen = press(path, "?", "7", "7", "\x1b[A", "q", wording=RU)
    assert "дежурный редактор" in screen
    assert "личные данные: да\nличные данные: нет" in screen
    assert "ничего не делает" in screen


@pytest.mark.parametrize("wording", [RU, EN], ids=["ru", "en"])
def test_every_act_has_a_key_in_both_layouts(wording: Wording) -> None:
    assert set(wording.keys.values()) == set(Act)
    assert not wording.keys.keys() & (TAG_KEYS.keys() | FLAG_KEYS.keys())
    for act in Act:
        letters = [key for key, what in wording.keys.items() if what is act and key.isalpha()]
        assert [letter.isascii() for letter in sorted(letters)] == [True, False]


def test_topics_in_either_language() -> None:
    assert [topic.id for topic in matching("СНЕГ")] == ["snow"]
    assert [topic.id for topic in matching("snow")] == ["snow"]
    assert [topic.id for topic in matching("32")] == ["other"]
    assert [topic.id for topic in matching("Спорт")] == ["sport"]
    assert [topic.id for topic in matching("lifts")] == ["housing"]
    assert matching("0") == matching("...") == matching("йцу") == []


def test_texts_do_not_steer_the_terminal() -> None:
    assert visible("a\x1b[2Jб\u202eв\r\nг\tд\x07") == "a�[2Jб�в\nг\tд�"


def test_one_file_one_person(path: Path) -> None:
    press(path, "4")
    with pytest.raises(AnswersError, match=r"holds the answers of anna.*--out"), AnswerFile(path, by="boris"):
        pass
    with AnswerFile(path, by=None) as answers:
        assert answers.by == "anna"


def test_one_file_one_window(path: Path) -> None:
    with (
        AnswerFile(path, by="anna"),
        pytest.raises(AnswersError, match="another window"),
        AnswerFile(path, by="anna"),
    ):
        pass


def test_a_line_broken_off_is_cut(path: Path) -> None:
    press(path, "4", "3")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with AnswerFile(path, by="anna") as answers:
        assert answers.torn
        assert [answer.tag for answer in answers.answers] == ["other"]
    assert path.read_bytes() == whole[: whole.index(b"\n") + 1]


def test_wherever_a_line_is_broken_off_it_goes_on(path: Path) -> None:
    press(path, "4", "3")
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first + 1, len(whole) - 1):
        path.write_bytes(whole[:end])
        with AnswerFile(path, by="anna") as answers:
            assert answers.torn
        assert path.read_bytes() == whole[:first]


def test_a_whole_answer_whose_end_of_line_an_editor_took_off_is_kept(path: Path) -> None:
    press(path, "4", "3")
    whole = path.read_bytes()
    path.write_bytes(whole.removesuffix(b"\n"))
    with AnswerFile(path, by="anna") as answers:
        assert not answers.torn
        assert [answer.tag for answer in answers.answers] == ["other", "spam"]
        assert path.read_bytes() == whole
        answers.undo()
    assert path.read_bytes() == whole[: whole.index(b"\n") + 1]


def test_a_full_disk_is_said_and_leaves_whole_lines(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    press(path, "4")
    whole = path.read_bytes()
    write = os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(content) < 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:-49])

    with AnswerFile(path, by="anna") as answers:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(
            AnswersError, match=r"could not be written \(No space left on device\); all before it are safe"
        ):
            answers.append(answers.answers[0])
        assert len(answers.answers) == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"id,text\n1,a\n", b'{"text": "a"}\n', b"text without an end", b"\xff\n"])
def test_a_file_of_something_else_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(AnswersError, match="--out"), AnswerFile(path, by="anna"):
        pass
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match="cannot be written"), AnswerFile(tmp_path / "no" / "a.jsonl", by=None):
        pass


def with_margin(margin: float) -> Judgement:
    high = (1 + margin) / 2
    return Judgement(
        tag="other",
        scores={"question": 1 - high, "complaint": 0.0, "spam": 0.0, "other": high},
        confidence=high,
        unsure=False,
        topic="other",
        topics=(),
        flags=Flags(),
    )


def test_least_certain_first_and_copies_apart() -> None:
    texts = ["Лифт стоит третий день", "лифт стоит третий день!!", "Музей открыт", "🌷🌷", "Лифт стоит третий день."]
    comments = [Comment(line=n, text=text) for n, text in enumerate(texts)]
    ordered = informative(comments, [with_margin(margin) for margin in (0.1, 0.2, 0.9, 0.0, 0.3)])
    assert [comment.line for comment in ordered] == [0, 2, 3, 1, 4]
    known = [Comment(line=9, text="ЛИФТ СТОИТ ТРЕТИЙ ДЕНЬ")]
    again = informative(comments[:3], [with_margin(margin) for margin in (0.1, 0.2, 0.9)], known)
    assert [comment.line for comment in again] == [2, 0, 1]


def test_each_text_once_and_chance_that_is_the_same_for_all() -> None:
    comments = [Comment(line=n, text=text) for n, text in enumerate(["a", " ", "b", "a", "c"])]
    assert [comment.line for comment in distinct(comments)] == [0, 2, 4]
    assert shuffled(distinct(comments)) == shuffled(distinct(comments)[::-1])


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    for language, told in (("en", "Error: a person answers here"), ("ru", "Ошибка: отвечает человек")):
        result = CliRunner().invoke(label, [str(tmp_path / "a.csv"), "--language", language])
        assert result.exit_code == 1
        assert told in result.stderr


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        (None, [], "a.csv: не читается (нет такого файла или папки)"),
        (b"", [], "a.csv: файл пустой"),
        (b"id,text\n", [], "a.csv: в файле нет комментариев"),
        (b"text\n \n", [], "a.csv: ни в одном комментарии нет текста"),
        (b"body\na\n", [], "a.csv: нет колонки `text`; есть body"),
        ("text\nлифт\n".encode("cp1251"), [], "a.csv, строка 2: не UTF-8"),
        (b"text\na\n", ["--model", "/nowhere"], "модель не загружается"),
        (b"text\na\n", ["--out", "/nowhere/a.jsonl"], "/nowhere/a.jsonl: сюда нельзя записать (нет такого файла"),
    ],
)
def test_what_stops_it_is_said_in_the_language_of_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, options: list[str], told: str
) -> None:
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(label, [str(path), "--language", "ru", *options])
    assert result.exit_code == 1
    assert f"Ошибка: {told}" in result.stderr.replace(f"{tmp_path}/", "")


def test_the_keyboard_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    assert "name a file" in CliRunner().invoke(label, ["-", "--language", "en"]).stderr


@pytest.mark.parametrize("kind", RU_REFUSALS)
def test_every_refusal_says_the_same_in_russian(kind: type[Refusal]) -> None:
    def names(message: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(message) if name}

    russian = RU_REFUSALS[kind]
    assert {key: names(message) for key, message in russian.items()} == {
        key: names(message) for key, message in kind.messages.items()
    }


def test_who_labels_where_no_variable_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER", raising=False)
    assert command._user() == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setenv("USER", "anna")
    assert command._user() == "anna"


def test_an_answer_survives_being_read_again(path: Path) -> None:
    answer = Answer(id=None, sha256=digest("а\u2028б"), text="а\u2028б\r", tag="spam", labelled_by="anna", at=NOW)
    with AnswerFile(path, by="anna") as answers:
        answers.append(answer)
    with AnswerFile(path, by="anna") as answers:
        assert answers.answers == [answer]
        assert answers.undo() == answer
    assert path.read_bytes() == b""
