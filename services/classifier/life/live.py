"""The model that judges now. It may be another one from one batch to the next, never within a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.classifier.judgement import Judgement
from services.classifier.model import Model


class Observer(Protocol):
    """Whoever looks on while comments are judged."""

    def observe(
        self, comments: Sequence[str], texts: Sequence[str], judgements: Sequence[Judgement], *, by: Model
    ) -> None:
        """As `Live.observe`: returns at once, raises nothing, keeps a bounded number of what it gets."""


class Live:
    """`model` is the model that judges now: take it once for a batch and keep to it until the batch is done.

    Belongs to the event loop; `model` itself may be used in any thread.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._observers: list[Observer] = []

    def show_to(self, observer: Observer) -> None:
        """From now on `observer` sees what is judged."""
        self._observers.append(observer)

    def switch(self, model: Model) -> None:
        """From now on `model` judges; batches that have begun end with the model they began with."""
        self.model = model

    def observe(
        self, comments: Sequence[str], texts: Sequence[str], judgements: Sequence[Judgement], *, by: Model
    ) -> None:
        """Shows what the model `by` said of `texts`, before anything else looked at them, to shadow and drift.

        `comments` are the ids. Call it once the judgements are published; it returns at once and loses what it has no
        room for.
        """
        for observer in self._observers:
            observer.observe(comments, texts, judgements, by=by)
