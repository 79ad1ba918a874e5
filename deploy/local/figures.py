"""The figures that are shown while Otklik runs, read where an operator would read them: /metrics and the HTTP API."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.instance import DIRECT
from deploy.local.ports import SERVICES, Ports

LONGEST_LIST = 10
"""Queues shown, the longest first."""
TIMEOUT_S = 2.0
PAGE, PAGES = 200, 25
"""Open cases in one answer, and answers in one count: beyond 5,000 the count says so instead of going on."""
REST = 20
"""Counting the queues may take one part in this many of the time."""


class QueuedCase(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of a case."""

    institution: str


class QueuePage(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of `GET /v1/queues/root/cases`."""

    items: list[QueuedCase]
    next: str | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the services started, and what waits now."""

    accepted: int = 0
    tagged: dict[str, int] = {}
    queued: list[tuple[str, int]] = []
    """(institution, open cases), the longest first, at most LONGEST_LIST."""
    waiting: int = 0
    """Open cases of all institutions; at PAGE * PAGES it is only known that there are as many."""
    dead: int = 0


def totals(exposition: str, metric: str, label: str) -> Counter[str]:
    """The samples of `metric` in a /metrics answer, summed by the value of `label`."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == metric:
                found[sample.labels.get(label, "")] += int(sample.value)
    return found


class Gauges:
    """Reads the figures of one instance; what does not answer keeps the figure it had."""

    def __init__(self, ports: Ports, key: Path) -> None:
        self._ports = ports
        self._key = key
        self._count_again = 0.0

    def read(self, before: Figures) -> Figures:
        """The present figures; `before` fills in for a service that is away."""
        changes: dict[str, object] = {}
        metrics = {service: self._get(f"{self._ports.url(service)}/metrics") for service in SERVICES}
        if (text := metrics["ingest"]) is not None:
            changes["accepted"] = totals(text, "otklik_ingest_comments_total", "result")["accepted"]
        if (text := metrics["classifier"]) is not None:
            changes["tagged"] = dict(totals(text, "otklik_tagged_total", "tag"))
        texts = [text for text in metrics.values() if text is not None]
        if len(texts) == len(SERVICES):
            changes["dead"] = sum(totals(text, "otklik_dead_letters_total", "reason").total() for text in texts)
        if (began := time.monotonic()) >= self._count_again:
            if (queued := self._queued()) is not None:
                changes |= {"queued": queued.most_common(LONGEST_LIST), "waiting": queued.total()}
            self._count_again = began + REST * (time.monotonic() - began)
        return msgspec.structs.replace(before, **changes)

    def _queued(self) -> Counter[str] | None:
        """Open cases by institution, or None when routing does not answer."""
        found: Counter[str] = Counter()
        cursor = ""
        for _ in range(PAGES):
            text = self._get(f"{self._ports.url('routing')}/v1/queues/root/cases?below=true&limit={PAGE}{cursor}")
            if text is None:
                return None
            page = msgspec.json.decode(text, type=QueuePage)
            found.update(case.institution for case in page.items)
            if page.next is None:
                break
            cursor = f"&cursor={quote(page.next, safe='')}"
        return found

    def _get(self, url: str) -> str | None:
        bearer = {"Authorization": f"Bearer {self._key.read_text(encoding='ascii').strip()}"}
        try:
            with DIRECT.open(Request(url, headers=bearer), timeout=TIMEOUT_S) as answer:  # noqa: S310 - 127.0.0.1
                return str(answer.read().decode())
        except OSError:
            return None
