"""How far each replay has come, so that it can go on after a stop."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from services.ingest.replay.columns import Plan
from services.ingest.replay.fault import ReplayError
from shared.clock import new_id


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` rows from the file's beginning were acknowledged by ingest, or refused for good."""

    rows: int
    file: str


class Journal:
    """One replay's mark: of one content, read in one way, sent to one place."""

    def __init__(self, folder: Path, *, digest: str, plan: Plan, url: str, file: str) -> None:
        told = msgspec.json.encode([digest, plan, url], order="deterministic")
        self._path = folder / f"{hashlib.sha256(told).hexdigest()[:32]}.json"
        self._file = file

    def acknowledged(self) -> int:
        """Rows to pass over; 0 where nothing is known."""
        try:
            return max(0, msgspec.json.decode(self._path.read_bytes(), type=Mark).rows)
        except (OSError, msgspec.MsgspecError):
            return 0

    def note(self, rows: int) -> None:
        """Remembers that `rows` are done. Lost in a crash, some are sent twice, which ingest recognises.

        Raises ReplayError where it cannot be written.
        """
        # Of its own: two replays of one file at once would take each other's draft away.
        draft = self._path.with_suffix(f".{new_id().hex}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(Mark(rows=rows, file=self._file)))
            draft.replace(self._path)
        except OSError as error:
            raise ReplayError(
                f"cannot note in {self._path.parent} how far it came: {error.strerror}; "
                "OTKLIK_DATA_DIR names another folder"
            ) from error
