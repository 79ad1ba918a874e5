"""The published versions of the model, in the object store `models`: whole, checked, never changed."""

from __future__ import annotations

import asyncio
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from services.classifier.life.archive import MAX_ARCHIVE_BYTES, pack, unpack
from services.classifier.life.pointer import VERSION_PATTERN, Version
from services.classifier.life.provenance import CARD, MAX_CARD_BYTES, LearnedFile, learned_files
from services.classifier.life.reference import Reference, read_reference
from services.classifier.manifest import ModelError
from services.classifier.model import Model
from shared.bus import Bus, DamagedObject
from shared.errors import Conflict, NotFound, TooLarge

STORE = "models"
MAX_VERSIONS = 50

Figures = dict[str, Any]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A model ready to judge, and what its drift is held against, where that is known."""

    model: Model
    reference: Reference | None
    learned: tuple[LearnedFile, ...] = ()
    """The files that it learned from, where its card tells."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps beside a version, so that a list need not open it."""

    by: str = ""
    figures: Figures = {}
    """From the model's card: per set that it did not learn from, the figures of the tag."""
    rows: int | None = None


class PublishedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version as it is listed."""

    version: Version
    published_at: datetime
    published_by: str
    bytes: int
    rows: int | None
    """Distinct comments that it was trained on; null where its card does not say."""
    figures: Figures
    """From its card: `cross_validated`, and each file that was only measured on."""


class Registry:
    """The versions that were published. Every call raises Unavailable when the broker does not answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def publish(self, folder: Path, *, by: str) -> tuple[str, bool]:
        """Stores the model in `folder`; returns its version, and whether that is new here.

        A version that is there and whole stays as it is; a damaged one is replaced. Raises ModelError for a folder
        whose model cannot be used, Conflict when MAX_VERSIONS are there.
        """
        content, loaded, note = await asyncio.to_thread(_prepared, folder, by)
        version = loaded.model.version
        if re.fullmatch(VERSION_PATTERN, version) is None:
            raise ModelError(f"{folder}: {version!r} is no version's name")
        present = {item.version for item in await self.versions()}
        if version in present:
            try:
                await self.load(version)
            except ModelError:
                pass
            else:
                return version, False
        elif len(present) >= MAX_VERSIONS:
            raise Conflict(f"{len(present)} versions are stored already; remove one that is not needed any more")
        store = await self._bus.objects(STORE)
        text = msgspec.json.encode(note).decode()
        await store.put(version, content, note=text, max_bytes=MAX_ARCHIVE_BYTES)
        return version, True

    async def load(self, version: str) -> Loaded:
        """The model of that version, every hash checked; raises ModelError, which says what is wrong with it."""
        store = await self._bus.objects(STORE)
        try:
            content = await store.get(version, max_bytes=MAX_ARCHIVE_BYTES)
        except (NotFound, TooLarge) as error:
            raise ModelError(f"model {version}: {error.detail}") from error
        except DamagedObject as error:
            raise ModelError(f"model {version}: {error}") from error
        return await asyncio.to_thread(_loaded, version, content)

    async def versions(self) -> list[PublishedVersion]:
        """All versions, the newest first."""
        store = await self._bus.objects(STORE)
        found = []
        for item in await store.list():
            if re.fullmatch(VERSION_PATTERN, item.name) is None:
                continue
            note = _note(item.note)
            found.append(
                PublishedVersion(
                    version=item.name,
                    published_at=item.stored_at,
                    published_by=note.by,
                    bytes=item.size,
                    rows=note.rows,
                    figures=note.figures,
                )
            )
        return sorted(found, key=lambda item: (item.published_at, item.version), reverse=True)

    async def remove(self, version: str) -> None:
        """Removes a version for good; the caller has made sure that nobody needs it."""
        store = await self._bus.objects(STORE)
        await store.remove(version)


def load_folder(folder: Path) -> Loaded:
    """The model in a folder, with its reference; raises ModelError."""
    return Loaded(model=Model.load(folder), reference=read_reference(folder), learned=learned_files(folder))


def _prepared(folder: Path, by: str) -> tuple[bytes, Loaded, Note]:
    content = pack(folder)
    # What is published is what was packed: read it back as everyone will.
    version = Model.load(folder).version
    return content, _loaded(version, content), _card_note(folder, by)


def _loaded(version: str, content: bytes) -> Loaded:
    place = ""
    try:
        with tempfile.TemporaryDirectory(prefix="otklik-model-") as place:
            unpack(content, Path(place))
            loaded = load_folder(Path(place))
    except OSError as error:
        raise ModelError(f"model {version}: cannot be unpacked here ({error.strerror})") from error
    except ModelError as error:
        raise ModelError(f"model {version}: {str(error).replace(f'{place}/', '')}") from error
    except Exception as error:
        # Made by another release, whose models are otherwise: that must be no worse than a damaged one.
        raise ModelError(f"model {version}: not a model of this release ({type(error).__name__})") from error
    if loaded.model.version != version:
        raise ModelError(f"model {version}: what is stored under this name is {loaded.model.version}")
    return loaded


def _card_note(folder: Path, by: str) -> Note:
    path = folder / CARD
    try:
        card = msgspec.json.decode(path.read_bytes()[:MAX_CARD_BYTES], type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        # A model without a card judges all the same; the list then has no figures.
        return Note(by=by)
    sets = {"cross_validated": card.get("cross_validated")}
    if isinstance(held := card.get("held_out"), dict):
        sets |= held
    figures = {str(name)[:100]: _tag_figures(each) for name, each in list(sets.items())[:20]}
    rows = card.get("distinct_rows")
    return Note(by=by, figures={name: each for name, each in figures.items() if each}, rows=_count(rows))


def _tag_figures(figures: object) -> Figures:
    tag = figures.get("tag") if isinstance(figures, dict) else None
    if not isinstance(tag, dict):
        return {}
    return {name: value for name, value in tag.items() if isinstance(value, int | float)}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _note(text: str) -> Note:
    try:
        return msgspec.json.decode(text, type=Note)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Note()
