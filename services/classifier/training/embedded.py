"""Embeddings of what is learned from, kept in a file between trainings: they take longer than everything else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.classifier.careful.embedding import Embedder

_AT_ONCE = 64
KEPT_EVERY = 1_024
"""New texts after which the file is written: a minute or two of an embedder's work, against a second for the file."""


class Embedded:
    """An embedder that remembers. `file` may be absent; one of another embedder, or damaged, is made anew; one that
    cannot be read raises OSError.

    What it embeds is written every KEPT_EVERY texts, at the end, and when it fails or is interrupted: only a process
    that is killed loses what came since. The file is whole at every moment.
    """

    def __init__(self, embedder: Embedder, file: Path | None = None) -> None:
        self._embedder = embedder
        self._file = file
        self._known: dict[str, NDArray[np.float32]] = _read(file, embedder) if file is not None else {}

    @property
    def name(self) -> str:
        """Of the embedder."""
        return self._embedder.name

    @property
    def size(self) -> int:
        """Dimensions."""
        return self._embedder.size

    def embed(
        self, texts: Sequence[str], report: Callable[[int, int], None] = lambda done, of: None
    ) -> NDArray[np.float32]:
        """As `Embedder.embed`; `report` hears how many of how many new texts are done.

        Raises EmbeddingFailed, and OSError where the file cannot be written.
        """
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        waiting = list(missing)
        done = kept = 0
        try:
            while done < len(waiting):
                part = waiting[done : done + _AT_ONCE]
                rows = self._embedder.embed([missing[key] for key in part])
                self._known |= dict(zip(part, rows, strict=True))
                done += len(part)
                report(done, len(waiting))
                if done - kept >= KEPT_EVERY:
                    self._keep()
                    kept = done
        finally:
            if done > kept:
                self._keep()
        if not keys:
            return np.empty((0, self.size), dtype=np.float32)
        return np.stack([self._known[key] for key in keys])

    def close(self) -> None:
        """Closes the embedder."""
        self._embedder.close()

    def _keep(self) -> None:
        """Writes all that is known, beside the file and then in its place."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        keys = sorted(self._known)
        rows = np.stack([self._known[key] for key in keys])
        fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        try:
            with fresh.open("wb") as out:
                np.savez(out, name=np.array(self.name), keys=np.array(keys), rows=rows)
            fresh.replace(self._file)
        finally:
            fresh.unlink(missing_ok=True)


def _read(file: Path, embedder: Embedder) -> dict[str, NDArray[np.float32]]:
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as stored:
            keys, rows = stored["keys"].tolist(), stored["rows"].astype(np.float32)
            if str(stored["name"]) != embedder.name or rows.shape != (len(keys), embedder.size):
                return {}
            return dict(zip(keys, rows, strict=True))
    except (FileNotFoundError, EOFError, ValueError, KeyError, BadZipFile):
        return {}
    except RuntimeError:  # what zipfile takes for encrypted, or for a method of compression that it does not know
        return {}
