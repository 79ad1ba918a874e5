"""The figures that are shown while Otklik runs, read where an operator would read them: /metrics and the HTTP API."""

from __future__ import annotations

from collections import Counter
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.instance import DIRECT
from deploy.local.ports import SERVICES, Ports

LONGEST_LIST = 10
"""Queues shown, the longest first."""
TIMEOUT_S = 2.0
COUNTED = 100
"""Queues counted, the longest first: more than the sample region has institutions."""


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of one institution's queue."""

    short_name: str
    open: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of `GET /v1/stats`."""

    queues: list[Backlog]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the services started, and what waits now."""

    accepted: int = 0
    duplicates: int = 0
    """Comments sent again, which changes nothing."""
    tagged: dict[str, int] = {}
    queued: list[tuple[str, int]] = []
    """(institution's short name, open cases), the longest first, at most LONGEST_LIST."""
    waiting: int = 0
    """Open cases of the COUNTED longest queues."""
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

    def read(self, before: Figures) -> Figures:
        """The present figures; `before` fills in for a service that is away."""
        changes: dict[str, object] = {}
        metrics = {service: self._get(f"{self._ports.url(service)}/metrics") for service in SERVICES}
        if (text := metrics["ingest"]) is not None:
            taken = totals(text, "otklik_ingest_comments_total", "result")
            changes |= {"accepted": taken["accepted"], "duplicates": taken["duplicate"]}
        if (text := metrics["classifier"]) is not None:
            changes["tagged"] = dict(totals(text, "otklik_tagged_total", "tag"))
        texts = [text for text in metrics.values() if text is not None]
        if len(texts) == len(SERVICES):
            changes["dead"] = sum(totals(text, "otklik_dead_letters_total", "reason").total() for text in texts)
        if (text := self._get(f"{self._ports.url('routing')}/v1/stats?top={COUNTED}")) is not None:
            queues = msgspec.json.decode(text, type=Stats).queues
            changes["queued"] = [(queue.short_name, queue.open) for queue in queues[:LONGEST_LIST]]
            changes["waiting"] = sum(queue.open for queue in queues)
        return msgspec.structs.replace(before, **changes)

    def _get(self, url: str) -> str | None:
        bearer = {"Authorization": f"Bearer {self._key.read_text(encoding='ascii').strip()}"}
        try:
            with DIRECT.open(Request(url, headers=bearer), timeout=TIMEOUT_S) as answer:  # noqa: S310 - 127.0.0.1
                return str(answer.read().decode())
        except (OSError, HTTPException):  # the latter when it dies in the middle of its answer
            return None
