"""How a metric is declared: with what it means and what to do about it, so that the documentation can be generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram", "state"]


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One metric as an operator needs to know it."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    remedy: str
    """What to do when it looks wrong; empty where nothing can."""


class Catalogue:
    """The metrics of this process, each declared once, in one registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.definitions: list[Definition] = []

    def counter(self, name: str, labels: Sequence[str], meaning: str, remedy: str = "") -> Counter:
        """Only ever rises; `name` ends in `_total`."""
        self._note(name, "counter", labels, meaning, remedy)
        return Counter(name, meaning, labels, registry=self.registry)

    def gauge(self, name: str, labels: Sequence[str], meaning: str, remedy: str = "") -> Gauge:
        """Rises and falls."""
        self._note(name, "gauge", labels, meaning, remedy)
        return Gauge(name, meaning, labels, registry=self.registry)

    def histogram(
        self, name: str, labels: Sequence[str], meaning: str, remedy: str = "", *, buckets: Sequence[float]
    ) -> Histogram:
        """A distribution over `buckets`, which are upper bounds."""
        self._note(name, "histogram", labels, meaning, remedy)
        return Histogram(name, meaning, labels, registry=self.registry, buckets=buckets)

    def state(self, name: str, labels: Sequence[str], meaning: str, remedy: str = "", *, states: Sequence[str]) -> Enum:
        """Exactly one of `states` is 1, the others 0."""
        self._note(name, "state", labels, meaning, remedy)
        return Enum(name, meaning, labels, registry=self.registry, states=states)

    def _note(self, name: str, kind: Kind, labels: Sequence[str], meaning: str, remedy: str) -> None:
        self.definitions.append(Definition(name=name, kind=kind, labels=tuple(labels), meaning=meaning, remedy=remedy))
