"""The one list of topics."""

from __future__ import annotations

from shared.topics import OTHER, TOPIC_IDS, TOPICS

MAX_EXAMPLE = 60


def test_ids_and_names_are_distinct() -> None:
    assert len(TOPIC_IDS) == len({topic.ru for topic in TOPICS}) == len({topic.en for topic in TOPICS}) == len(TOPICS)
    assert OTHER in TOPIC_IDS


def test_each_topic_has_a_few_short_examples_of_its_own() -> None:
    for topic in TOPICS:
        assert 2 <= len(topic.examples) <= 4, topic.id
        assert all(example and len(example) <= MAX_EXAMPLE for example in topic.examples), topic.id
    examples = [example for topic in TOPICS for example in topic.examples]
    assert len(set(examples)) == len(examples)
