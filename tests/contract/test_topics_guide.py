"""The guide to the topics says what the list says."""

from __future__ import annotations

from pathlib import Path

from shared.topics import TOPICS

GUIDE = (Path(__file__).parents[2] / "docs/topics.md").read_text(encoding="utf-8")


def test_it_shows_each_topic_with_its_names_and_examples_in_the_order_of_the_list() -> None:
    shown = [line for line in GUIDE.splitlines() if line.startswith("| `")]
    assert len(shown) == len(TOPICS)
    for line, topic in zip(shown, TOPICS, strict=True):
        expected = f"| `{topic.id}` | {topic.ru} | {topic.en} | {'; '.join(topic.examples)} |"
        assert line.startswith(expected), f"write in docs/topics.md: {expected}"
