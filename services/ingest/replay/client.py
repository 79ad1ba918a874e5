"""Posts batches to ingest and does not give up at the first 503."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import httpx
import msgspec

from services.ingest.replay.fault import ReplayError

TIMEOUT = httpx.Timeout(60.0, connect=5.0)
LONGEST_PAUSE = 30.0
"""Seconds between two attempts, at most."""
AWAY = (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT)
"""Ingest's own 503, and what a proxy before it answers while it starts anew."""


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """As ingest names it: the place in the batch, from 0."""

    index: int
    error: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Ingest's receipt for one batch."""

    accepted: int
    duplicates: int
    rejected: list[RejectedRow]


class Client:
    """A connection to one ingest. `patience` is how many seconds it may stay away before the replay ends."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: float,
        notify: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises ReplayError for a `url` that is no HTTP address: waiting would not mend it."""
        _check(url)
        self._url = url
        self._patience = patience
        self._notify = notify
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"},
            timeout=TIMEOUT,
            transport=transport,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def post(self, submissions: Sequence[Mapping[str, object]]) -> Answer:
        """Returns once ingest has made the batch durable; raises ReplayError when it refuses or stays away."""
        body = b"\n".join(map(msgspec.json.encode, submissions))
        waited = 0.0
        pause = 0.5
        while True:
            hint = ""
            try:
                response = self._http.post("/v1/comments", content=body)
            except httpx.TransportError as error:
                trouble = f"{self._url} does not answer ({type(error).__name__})"
                hint = " (--url names another)" if not waited else ""
            else:
                if response.status_code == httpx.codes.ACCEPTED:
                    return self._receipt(response)
                trouble = f"{self._url} answered {_problem(response)}"
                if response.status_code not in AWAY:
                    raise ReplayError(trouble)
                pause = max(pause, _retry_after(response))
            if waited >= self._patience:
                raise ReplayError(f"{trouble}; waited {waited:.0f} s")
            pause = min(pause, LONGEST_PAUSE, self._patience - waited)
            self._notify(f"{trouble}; trying again in {pause:.1f} s{hint}")
            self._sleep(pause)
            waited += pause
            pause *= 2

    def _receipt(self, response: httpx.Response) -> Answer:
        try:
            return msgspec.json.decode(response.content, type=Answer)
        except msgspec.MsgspecError as error:
            raise ReplayError(f"{self._url} answered what is no receipt of ingest's: is it another service?") from error


def _check(url: str) -> None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ReplayError(f"--url {url}: no address ({error})") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ReplayError(f"--url {url}: must be an address as in http://127.0.0.1:8001")


def _retry_after(response: httpx.Response) -> float:
    try:
        return float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0


def _problem(response: httpx.Response) -> str:
    """Status and the problem's detail; nothing of a body that is no problem document."""
    try:
        detail = str(msgspec.json.decode(response.content, type=dict[str, object]).get("detail", ""))
    except msgspec.MsgspecError:
        detail = ""
    return f"{response.status_code} {detail}".strip()
