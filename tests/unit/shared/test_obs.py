"""Logs withhold what they must, and the metrics' page says what the code says."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import msgspec
import pytest
import structlog

from shared.obs import configure_logging, metrics
from shared.obs.document import metrics_document
from shared.obs.withheld import FORBIDDEN, ForbiddenInLog

WORDS = "Здравствуйте, у нас третий день нет воды"


class Comment(msgspec.Struct):
    id: str
    words: str


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    configure_logging(service="ingest", level="info", format="json", stream=stream)
    return stream


def entry(log: io.StringIO) -> dict[str, object]:
    lines = log.getvalue().splitlines()
    assert len(lines) == 1
    return dict(json.loads(lines[0]))


@pytest.mark.parametrize("key", [*sorted(FORBIDDEN), "Text", "TOKEN"])
def test_a_forbidden_key_is_withheld(log: io.StringIO, key: str) -> None:
    structlog.get_logger().info("comment taken in", **{key: WORDS})
    assert WORDS not in log.getvalue()
    assert entry(log)[key] == "[withheld]"


def test_a_forbidden_key_is_withheld_at_any_depth(log: io.StringIO) -> None:
    structlog.get_logger().info("taken in", items=[{"id": "a", "inner": {"text": WORDS}}])
    assert "воды" not in log.getvalue()
    assert entry(log)["items"] == [{"id": "a", "inner": {"text": "[withheld]"}}]


def test_an_object_is_named_by_its_type_alone(log: io.StringIO) -> None:
    structlog.get_logger().info("taken in", comment=Comment(id="a", words=WORDS), raw=WORDS.encode())
    assert entry(log)["comment"] == "<Comment>"
    assert entry(log)["raw"] == f"<{len(WORDS.encode())} bytes>"


def test_an_error_shows_its_kind_and_places_but_neither_values_nor_later_lines(log: io.StringIO) -> None:
    def fail(words: str) -> None:
        raise ValueError(f"row refused\nDETAIL: Failing row contains ({words})")

    try:
        fail(WORDS)
    except ValueError:
        structlog.get_logger().exception("request failed")
    exception = entry(log)["exception"]
    assert isinstance(exception, list)
    assert exception[0] == "ValueError: row refused"
    assert exception[-1].endswith("in fail")
    assert "воды" not in log.getvalue()


def test_the_cause_of_an_error_is_shown(log: io.StringIO) -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise RuntimeError("second") from error
    except RuntimeError as error:
        structlog.get_logger().error("failed", exc_info=error)
    exception = entry(log)["exception"]
    assert isinstance(exception, list)
    assert [line for line in exception if not line.startswith(" ")] == ["RuntimeError: second", "KeyError: 'first'"]


def test_keys_and_passwords_inside_a_value_are_withheld(log: io.StringIO) -> None:
    key = "otk_" + "a" * 43
    structlog.get_logger().info("cannot connect", detail=f"postgresql://me:pass@host/x refused {key}")
    assert entry(log)["detail"] == "postgresql://[withheld]@host/x refused [withheld]"


def test_a_value_is_cut(log: io.StringIO) -> None:
    structlog.get_logger().info("x", detail="я" * 10_000)
    assert len(str(entry(log)["detail"])) == 500


def test_strict_logging_raises(log: io.StringIO) -> None:
    configure_logging(service="ingest", format="json", stream=log, strict=True)
    with pytest.raises(ForbiddenInLog, match="'text'"):
        structlog.get_logger().info("taken in", text=WORDS)


def test_an_entry_says_when_who_and_how_bad(log: io.StringIO) -> None:
    structlog.get_logger().warning("broker away", seconds=3)
    found = entry(log)
    assert found["service"] == "ingest"
    assert found["level"] == "warning"
    assert found["seconds"] == 3
    assert str(found["timestamp"]).endswith("Z")


def test_libraries_are_heard_from_warning_on(log: io.StringIO) -> None:
    logging.getLogger("alembic").info("quiet")
    logging.getLogger("alembic").warning("loud %s", "otk_" + "b" * 43)
    assert entry(log)["event"] == "loud [withheld]"
    assert entry(log)["logger"] == "alembic"


def test_below_the_level_nothing_is_written(log: io.StringIO) -> None:
    structlog.get_logger().debug("x")
    assert log.getvalue() == ""


def test_console_lines_are_for_people() -> None:
    stream = io.StringIO()
    configure_logging(service="ingest", format="console", stream=stream)
    try:
        raise ValueError("no")
    except ValueError:
        structlog.get_logger().exception("failed", count=2)
    assert "failed" in stream.getvalue()
    assert "ValueError: no" in stream.getvalue()


def test_auto_is_json_where_nobody_watches() -> None:
    stream = io.StringIO()
    configure_logging(service="ingest", format="auto", stream=stream)
    structlog.get_logger().info("x")
    json.loads(stream.getvalue())


# Metrics ---------------------------------------------------------------------------------------------------------


def test_the_metrics_page_is_what_the_code_declares() -> None:
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == metrics_document(), "run: python -m shared.obs > docs/metrics.md"


def test_every_metric_has_a_meaning_and_a_name_of_ours() -> None:
    for definition in metrics.catalogue.definitions:
        assert definition.name.startswith("otklik_")
        assert definition.meaning.endswith(".")
        assert (definition.kind == "counter") == definition.name.endswith("_total")


def test_no_label_could_take_any_value() -> None:
    known = {"handler", "method", "status", "consumer", "service", "reason", "kind", "platform", "result", "tag"}
    known |= {"event", "decision"}
    # Of the model: which of the two places, both tags, what is measured.
    known |= {"place", "live", "shadow", "measure"}
    # What repeats: text or contact.
    known |= {"same"}
    # How sources do: five words.
    known |= {"state"}
    # Of a platform: what was asked for an action, and the class of the answer.
    known |= {"call", "answer"}
    assert {label for item in metrics.catalogue.definitions for label in item.labels} <= known


def test_the_exposition_carries_what_was_counted() -> None:
    metrics.TAGGED.labels(tag="question").inc()
    text = metrics.exposition().decode()
    assert 'otklik_tagged_total{tag="question"}' in text
    assert "process_resident_memory_bytes" in text
