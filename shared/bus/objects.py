"""An object store: whole files under names, too large for a message; `nats object ls` shows it too."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import nats.errors
from nats.js import JetStreamContext
from nats.js.api import ObjectMeta, RawStreamMsg
from nats.js.errors import BadObjectMetaError, NotFoundError

from shared.clock import utc_now
from shared.errors import NotFound, TooLarge, Unavailable

WRITE_SECONDS = 60.0
READ_SECONDS = 20.0
"""For one whole object."""
ABANDONED = timedelta(hours=1)
"""How old chunks without a description must be to belong to nobody: far beyond WRITE_SECONDS, since clocks differ."""


class DamagedObject(Exception):
    """What is stored is not what was put there: chunks or the description are missing, or the hash differs."""


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object as the store describes it; only `size` and `sha256` are checked when it is read."""

    name: str
    size: int
    sha256: str
    """In hexadecimal."""
    note: str
    """Whatever the writer said about it."""
    stored_at: datetime


class _Description(msgspec.Struct, kw_only=True):
    """The part of NATS' own description that is used here."""

    name: str
    nuid: str = ""
    size: int = 0
    mtime: str = ""
    digest: str = ""
    description: str = ""
    deleted: bool = False


class Objects:
    """The object store `name`, declared by `Bus.ensure`.

    Every call raises Unavailable when the broker does not answer in time.
    """

    def __init__(self, jetstream: JetStreamContext, name: str) -> None:
        self._jetstream = jetstream
        self._name = name
        self._stream = f"OBJ_{name}"

    async def put(self, name: str, content: bytes, *, note: str = "", max_bytes: int) -> None:
        """Stores `content` durably, in place of what was there; readers see the old or the new, whole.

        Raises TooLarge beyond `max_bytes`. What breaks off leaves chunks that no description names; the next call, an
        hour later or more, removes them.
        """
        if len(content) > max_bytes:
            raise TooLarge(f"{name} has {len(content)} bytes, at most {max_bytes} are stored")
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._sweep()
                store = await self._jetstream.object_store(self._name)
                try:
                    await store.put(name, content, meta=ObjectMeta(description=note))
                except BadObjectMetaError:
                    # Its description cannot be read, so the library will not replace it.
                    await self._jetstream.purge_stream(self._stream, subject=self._description_subject(name))
                    await store.put(name, content, meta=ObjectMeta(description=note))
        except (nats.errors.Error, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def get(self, name: str, *, max_bytes: int) -> bytes:
        """The object, its hash checked.

        Raises NotFound where there is none, TooLarge before reading more than `max_bytes`, DamagedObject.
        """
        try:
            async with asyncio.timeout(READ_SECONDS):
                try:
                    raw = await self._jetstream.get_last_msg(self._stream, self._description_subject(name))
                except NotFoundError:
                    raise NotFound(f"nothing is stored under {name}") from None
                found = _described(raw)
                if found.deleted:
                    raise NotFound(f"nothing is stored under {name}")
                if found.size > max_bytes:
                    raise TooLarge(f"{name} has {found.size} bytes, at most {max_bytes} are read")
                content = bytearray()
                # Every chunk is asked for by itself: a missing one is then an answer and not a silence.
                async for chunk in self._messages(f"$O.{self._name}.C.{found.nuid}"):
                    content += chunk.data or b""
                    if len(content) > found.size:
                        break
        except (nats.errors.Error, TimeoutError) as error:
            raise self._unavailable(error) from error
        if len(content) != found.size or hashlib.sha256(content).hexdigest() != _sha256(found):
            raise DamagedObject(f"{name} is damaged: {len(content)} bytes that are not the {found.size} put there")
        return bytes(content)

    async def list(self) -> list[StoredObject]:
        """Everything in the store, by name; what cannot be read is left out."""
        found: dict[str, StoredObject] = {}
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for raw in self._messages(f"$O.{self._name}.M.*"):
                    try:
                        item = _described(raw)
                        sha256 = _sha256(item)
                    except DamagedObject:
                        continue
                    if not item.deleted:
                        found[item.name] = StoredObject(
                            name=item.name,
                            size=item.size,
                            sha256=sha256,
                            note=item.description,
                            stored_at=raw.time or _moment(item.mtime),
                        )
        except (nats.errors.Error, TimeoutError) as error:
            raise self._unavailable(error) from error
        return [found[name] for name in sorted(found)]

    async def remove(self, name: str) -> None:
        """Removes the object and all of its chunks; nothing happens where there is none."""
        subject = self._description_subject(name)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                try:
                    raw = await self._jetstream.get_last_msg(self._stream, subject)
                except NotFoundError:
                    return
                # First the description: without it nobody looks for the chunks.
                await self._jetstream.purge_stream(self._stream, subject=subject)
                nuid = _nuid(raw)
                if nuid:
                    await self._jetstream.purge_stream(self._stream, subject=f"$O.{self._name}.C.{nuid}")
        except (nats.errors.Error, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def _sweep(self) -> None:
        """Removes the chunks of what was never wholly stored; none while some description cannot be read."""
        chunks = f"$O.{self._name}.C."
        # First the chunks: what is described meanwhile is too young to go.
        state = (await self._jetstream.stream_info(self._stream, subjects_filter=f"{chunks}*")).state
        unnamed = set(state.subjects or ())
        if not unnamed:
            return
        async for raw in self._messages(f"$O.{self._name}.M.*"):
            try:
                unnamed.discard(f"{chunks}{_described(raw).nuid}")
            except DamagedObject:
                return
        for subject in unnamed:
            try:
                last = await self._jetstream.get_last_msg(self._stream, subject)
            except NotFoundError:
                continue
            if last.time is not None and utc_now() - last.time > ABANDONED:
                await self._jetstream.purge_stream(self._stream, subject=subject)

    async def _messages(self, subject: str) -> AsyncIterator[RawStreamMsg]:
        sequence = 1
        while True:
            try:
                raw = await self._jetstream.get_msg(self._stream, seq=sequence, subject=subject, next=True)
            except NotFoundError:
                return
            yield raw
            sequence = int(raw.seq or sequence) + 1

    def _description_subject(self, name: str) -> str:
        return f"$O.{self._name}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"

    def _unavailable(self, error: BaseException) -> Unavailable:
        return Unavailable(f"the object store {self._name} did not answer: {type(error).__name__}")


def _described(raw: RawStreamMsg) -> _Description:
    try:
        return msgspec.json.decode(raw.data or b"", type=_Description)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedObject("an object is damaged: its description cannot be read") from error


def _nuid(raw: RawStreamMsg) -> str:
    try:
        return _described(raw).nuid
    except DamagedObject:
        return ""


def _sha256(item: _Description) -> str:
    algorithm, _, value = item.digest.partition("=")
    try:
        digest = base64.urlsafe_b64decode(value) if algorithm.upper() == "SHA-256" else b""
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise DamagedObject(f"{item.name} is damaged: it carries no SHA-256")
    return digest.hex()


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
