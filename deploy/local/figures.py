"""The figures that are shown while Otklik runs, read where an operator would read them: /metrics, the HTTP API, and
the broker's monitor."""

from __future__ import annotations

from collections import Counter
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.instance import DIRECT
from deploy.local.ports import Ports

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


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream holds."""

    messages: int


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of the broker."""

    name: str
    state: Stored


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Whose streams they are; we have one for all."""

    stream_detail: list[Stream] = []


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of the broker's `GET /jsz?streams=true`."""

    account_details: list[Account] = []

    def stored(self, name: str) -> int:
        """Messages in the stream `name`, 0 while there is none."""
        streams = (stream for account in self.account_details for stream in account.stream_detail)
        return sum(stream.state.messages for stream in streams if stream.name == name)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the services started, and what waits now, whenever it came."""

    accepted: int = 0
    duplicates: int = 0
    """Comments sent again, which changes nothing."""
    tagged: dict[str, int] = {}
    queued: list[tuple[str, int]] = []
    """(institution's short name, open cases), the longest first, at most LONGEST_LIST."""
    waiting: int = 0
    """Open cases of the COUNTED longest queues."""
    dead: int = 0
    """Dead letters that lie there."""


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
        if (text := self._get(f"{self._ports.url('ingest')}/metrics")) is not None:
            taken = totals(text, "otklik_ingest_comments_total", "result")
            changes |= {"accepted": taken["accepted"], "duplicates": taken["duplicate"]}
        if (text := self._get(f"{self._ports.url('classifier')}/metrics")) is not None:
            changes["tagged"] = dict(totals(text, "otklik_tagged_total", "tag"))
        if (text := self._get(f"{self._ports.monitor}/jsz?streams=true", keyed=False)) is not None:
            changes["dead"] = msgspec.json.decode(text, type=Monitor).stored("DEAD")
        if (text := self._get(f"{self._ports.url('routing')}/v1/stats?top={COUNTED}")) is not None:
            queues = msgspec.json.decode(text, type=Stats).queues
            changes["queued"] = [(queue.short_name, queue.open) for queue in queues[:LONGEST_LIST]]
            changes["waiting"] = sum(queue.open for queue in queues)
        return msgspec.structs.replace(before, **changes)

    def _get(self, url: str, *, keyed: bool = True) -> str | None:
        bearer = {"Authorization": f"Bearer {self._key.read_text(encoding='ascii').strip()}"} if keyed else {}
        try:
            with DIRECT.open(Request(url, headers=bearer), timeout=TIMEOUT_S) as answer:  # noqa: S310 - 127.0.0.1
                return str(answer.read().decode())
        except (OSError, HTTPException):  # the latter when it dies in the middle of its answer
            return None
