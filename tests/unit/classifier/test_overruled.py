"""What moderators said goes before what files say of the same words, and before nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.classifier.training import rows as training_rows
from services.classifier.training import run as training_run
from services.classifier.training.command import Material, Untagged, train_model
from services.classifier.training.corrections import overruled
from services.classifier.training.rows import Row, Source
from tests.unit.classifier.conftest import BITS, some_rows

HEATING = "Когда дадут отопление?"


def source(*rows: Row) -> Source:
    return Source(name="a", sha256="0", rows=rows)


@pytest.mark.parametrize(
    ("row", "correction", "left"),
    [
        (Row(text=HEATING, tag="other"), Row(text=HEATING, tag="question"), None),
        (Row(text=HEATING, tag="other"), Row(text="когда дадут отопление", tag="question"), None),
        (Row(text=HEATING, tag="other"), Row(text="Когда дадут воду?", tag="question"), Row(text=HEATING, tag="other")),
        (
            Row(text=HEATING, tag="other", toxic=False),
            Row(text=HEATING, tag="question"),
            Row(text=HEATING, toxic=False),
        ),
        (
            Row(text=HEATING, tag="question", topic="water"),
            Row(text=HEATING, topic="heating"),
            Row(text=HEATING, tag="question"),
        ),
        (
            Row(text=HEATING, tag="question", topic="water"),
            Row(text=HEATING, tag="complaint"),
            Row(text=HEATING, topic="water"),
        ),
        # Spam has no topic.
        (Row(text=HEATING, tag="question", topic="water"), Row(text=HEATING, tag="spam"), None),
        # Of what is only known to be no spam, that stays known until somebody says a tag.
        (Row(text=HEATING, no_spam=True), Row(text="Спасибо", tag="other"), Row(text=HEATING, no_spam=True)),
        (Row(text=HEATING, no_spam=True), Row(text=HEATING, topic="heating"), Row(text=HEATING, no_spam=True)),
        (Row(text=HEATING, no_spam=True), Row(text=HEATING, tag="question"), None),
        (Row(text=HEATING, no_spam=True), Row(text=HEATING, tag="spam"), None),
        (
            Row(text=HEATING, no_spam=True, topic="water", urgent=True),
            Row(text=HEATING, tag="spam"),
            Row(text=HEATING, urgent=True),
        ),
        # Comments without a letter are not all one.
        (Row(text="👍", tag="other"), Row(text="💩", tag="complaint"), Row(text="👍", tag="other")),
        (Row(text="👍", tag="complaint"), Row(text="👍", tag="other"), None),
    ],
)
def test_what_is_left_of_a_row(row: Row, correction: Row, left: Row | None) -> None:
    assert overruled(source(row), [correction]).rows == (() if left is None else (left,))


def test_several_corrections_of_the_same_words_add_up() -> None:
    row = Row(text=HEATING, tag="question", topic="water", urgent=False)
    corrections = [Row(text=HEATING, tag="complaint"), Row(text=HEATING.upper(), topic="heating")]
    assert overruled(source(row), corrections).rows == (Row(text=HEATING, urgent=False),)


def test_corrections_leave_what_is_no_spam_to_be_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        training_run.train, "__kwdefaults__", (training_run.train.__kwdefaults__ or {}) | {"bits": BITS}
    )
    monkeypatch.setattr(training_rows, "UNTAGGED_ROWS", 30)
    (tmp_path / "corpus").mkdir()
    records = [
        {"text": row.text, "tag": row.tag, "topic": row.topic, "toxic": row.toxic, "urgent": row.urgent}
        for row in some_rows()[::2]
    ]
    (tmp_path / "corpus" / "a.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    untagged = [f"Почините лифт в {number} подъезде" for number in range(40)]
    (tmp_path / "untagged.jsonl").write_text("\n".join(json.dumps({"text": one}) for one in untagged), encoding="utf-8")
    corrections = [Row(text=text, tag="complaint", streamlike=True) for text in untagged]
    material = Material(
        corpus=tmp_path / "corpus", untagged=(Untagged(path=tmp_path / "untagged.jsonl", licence="MIT"),)
    )

    def told(*rows: Row) -> tuple[int, int | None]:
        """How many of those without a tag are learned from, and on how many it is measured what is called spam."""
        train_model(material, out=tmp_path / "out", corrections=source(*rows))
        card = json.loads((tmp_path / "out" / "card.json").read_text("utf-8"))
        name = f"{tmp_path.name}/untagged.jsonl"
        learned = {file["name"]: file["rows"] for file in card["data"]}
        return learned[name], card["held_out"].get(f"{name}, not learned from", {}).get("rows")

    assert told(Row(text="Спасибо за концерт", tag="other", streamlike=True)) == (30, 10)
    # What was corrected is learned by its tag, and so cannot measure any more.
    assert told(*corrections) == (0, None)
