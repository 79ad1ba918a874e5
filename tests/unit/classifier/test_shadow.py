"""A shadow that is switched while its counts are on their way to the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from services.classifier.life.disagreement import Disagreement, Disagreements, Table
from services.classifier.life.shadow import Shadow
from services.classifier.model import Model
from services.classifier.training.run import Training
from shared.clock import utc_now
from tests.fixtures.careful import judgement


class Store:
    """What was put; `meanwhile` happens while a disagreement is being stored."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.stored: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def put_table(self, pair: tuple[str, str], replica: str, table: Table) -> None:
        self.tables.append(table)

    async def put(self, pair: tuple[str, str], item: Disagreement) -> None:
        self.stored.append(item.comment)
        self.meanwhile()


def made(training: Training) -> tuple[Shadow, Store, Model]:
    """With three disagreements that wait."""
    store, model = Store(), training.model()
    shadow = Shadow(cast("Disagreements", store), replica="a", clock=utc_now)
    shadow.switch("live-1", model)
    record(shadow, ["1", "2", "3"])
    return shadow, store, model


def record(shadow: Shadow, comments: list[str]) -> None:
    assert shadow.pair is not None
    shadow.record(shadow.pair, comments, [judgement("other")] * len(comments), [judgement("spam")] * len(comments))


async def test_all_that_waits_is_stored_once(training: Training) -> None:
    shadow, store, _ = made(training)
    await shadow.flush()
    await shadow.flush()
    assert sorted(store.stored) == ["1", "2", "3"]
    assert store.tables == [{"other": {"spam": 3}}]


async def test_switched_away_and_back_it_forgets_what_waited(training: Training) -> None:
    shadow, store, model = made(training)

    def there_and_back() -> None:
        store.meanwhile = lambda: None
        shadow.switch("live-1", None)
        shadow.switch("live-1", model)
        record(shadow, ["4"])

    store.meanwhile = there_and_back
    await shadow.flush()
    assert len(store.stored) == 1
    await shadow.flush()
    assert store.stored[1:] == ["4"]


async def test_what_is_replaced_meanwhile_waits_for_the_next_time(training: Training) -> None:
    shadow, store, _ = made(training)

    def again() -> None:
        store.meanwhile = lambda: None
        record(shadow, store.stored)

    store.meanwhile = again
    await shadow.flush()
    first = store.stored[0]
    assert store.stored.count(first) == 1
    await shadow.flush()
    assert store.stored.count(first) == 2
