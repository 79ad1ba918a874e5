"""Bots Long Poll: what is new in a community, in its own order."""

from __future__ import annotations

from collections import OrderedDict
from urllib.parse import urlsplit

import msgspec

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Polled
from services.ingest.connectors.failure import NotSent, Refused
from services.ingest.connectors.gate import Rate
from services.ingest.connectors.received import Received
from services.ingest.connectors.vk.api import Api, needed
from services.ingest.connectors.vk.decoding import read_update
from services.ingest.connectors.vk.payload import LongPoll, items, read_json, table, whole, words
from services.ingest.connectors.vk.place import owner_of
from services.ingest.sources.source import Source

HOLD_SECONDS = 25
"""That VK waits for something new; it allows 90."""
MARGIN_SECONDS = 10.0
"""That the answer may take beyond that."""
AGAIN_SECONDS = 1.0
"""After a failure that VK names, so that a broken server is not asked without pause."""
ASKED = Rate(name="vk events", calls=5, seconds=1.0)
"""Questions to one server: VK names no limit, but one that answers at once with nothing must not be asked without end.
What comes while a turn is waited for comes together."""
MAX_SERVERS = 10_000
"""Sources whose server is remembered; the one asked longest ago is forgotten first."""
MAX_TS = 100


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept between polls: the place in the community's events, without the key to them."""

    ts: str


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where to ask; valid for some hours, and for nobody else to see."""

    address: str
    key: str
    ts: str

    def __repr__(self) -> str:
        """Names no value."""
        return "Server(…)"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, read and as it came."""

    found: LongPoll
    body: bytes


class LongPolling:
    """Asks for events. Servers and keys are remembered in memory only and asked for anew where they are not known."""

    def __init__(self, caller: Caller, api: Api, *, secure: bool = True) -> None:
        self._caller = caller
        self._api = api
        self._secure = secure
        self._servers: OrderedDict[tuple[str, str], Server] = OrderedDict()

    async def poll(self, source: Source, cursor: bytes | None) -> Polled:
        """See `Connector.poll`. After `failed` 1 and 3 something was missed, which the answer says; after 2 nothing."""
        known = None if cursor is None else _ts(cursor)
        server = self._servers.get(_key(source)) if known is not None else None
        server = server or await self._find(source)
        self._remember(source, server)
        if known is None:
            # Without a cursor everything begins now; with one that cannot be read, something was missed.
            return _polled(server.ts, behind=cursor is not None)
        answered = await self._ask(source, server, known)
        answer = answered.found
        failed = whole(answer.failed)
        if answer.failed is None:
            events = tuple(read_update(each, source.page) for each in items(answer.updates))
            return _polled(_as_ts(answer.ts) or known, events=events, payload=answered.body)
        if failed == 1 and (ts := _as_ts(answer.ts)) is not None:
            return _polled(ts, behind=True, wait=AGAIN_SECONDS)
        self._servers.pop(_key(source), None)
        if failed == 2:
            return _polled(known, wait=AGAIN_SECONDS)
        server = await self._find(source)
        self._remember(source, server)
        return _polled(server.ts, behind=True, wait=AGAIN_SECONDS)

    def _remember(self, source: Source, server: Server) -> None:
        self._servers[_key(source)] = server
        self._servers.move_to_end(_key(source))
        if len(self._servers) > MAX_SERVERS:
            self._servers.popitem(last=False)

    async def _find(self, source: Source) -> Server:
        token = needed(source, "community", "user")
        group = abs(owner_of(source.page) or 0)
        found = table(await self._api.read(token, "groups.getLongPollServer", {"group_id": group}))
        address, key, ts = words(found.get("server")), words(found.get("key")), _as_ts(found.get("ts"))
        if "://" not in address:
            address = f"https://{address}"
        if not key or ts is None or not self._serves(address):
            raise Refused("VK names no server that can be asked for events")
        return Server(address=address, key=key, ts=ts)

    def _serves(self, address: str) -> bool:
        try:
            parts = urlsplit(address)
            return bool(parts.hostname) and (parts.scheme == "https" or not self._secure)
        except ValueError:
            return False

    async def _ask(self, source: Source, server: Server, ts: str) -> Answered:
        answer = await self._caller.call(
            "GET",
            server.address,
            token=server.key,
            rates=(ASKED,),
            query={"act": "a_check", "key": server.key, "ts": ts, "wait": str(HOLD_SECONDS)},
            seconds=HOLD_SECONDS + MARGIN_SECONDS,
        )
        try:
            found = msgspec.convert(read_json(answer.body), LongPoll)
        except (ValueError, msgspec.ValidationError):
            found = LongPoll()
        if answer.status != 200 or (found.failed is None and _as_ts(found.ts) is None):
            # Perhaps the server moved: the next poll asks for it anew, at the same place in the events.
            self._servers.pop(_key(source), None)
            raise NotSent(f"the server of events answered with HTTP {answer.status}", retry_after=answer.retry_after)
        return Answered(found=found, body=answer.body)


def _key(source: Source) -> tuple[str, str]:
    return source.id, source.page


def _polled(
    ts: str, *, events: tuple[Received, ...] = (), payload: bytes = b"", behind: bool = False, wait: float = 0.0
) -> Polled:
    cursor = msgspec.json.encode(Cursor(ts=ts))
    return Polled(events=events, cursor=cursor, payload=payload, behind=behind, wait=wait)


def _ts(cursor: bytes) -> str | None:
    try:
        return msgspec.json.decode(cursor, type=Cursor).ts
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _as_ts(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(whole(value) or 0)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TS else None
