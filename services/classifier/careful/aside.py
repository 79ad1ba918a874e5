"""An embedder in a process of its own: it may crash without the service, and yields every processor to the others."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from services.classifier.careful.e5 import LENGTH, Hello, read, write
from services.classifier.careful.embedding import EmbeddingFailed

START_SECONDS = 60.0
TEXT_SECONDS = 30.0
"""For one text, on a machine that has no time for it; then the process is ended and begun anew."""
REST_SECONDS = 10.0
"""Between two beginnings, where others wait for an answer: texts in between fail at once."""
_AT_ONCE = 32
"""Texts in one message."""

ROOT = Path(__file__).parents[3]
PROGRAM = (sys.executable, "-m", "services.classifier.careful.e5")

log = structlog.get_logger(__name__)


class Aside:
    """An `Embedder`. Its process runs at the lowest priority, ends with this one however this one ends, and is begun
    anew after it died, unless it was closed; the texts that it died of are answered with EmbeddingFailed."""

    def __init__(self, program: Sequence[str] = PROGRAM, *, rest_seconds: float = REST_SECONDS) -> None:
        """Raises EmbeddingFailed when the process does not begin."""
        self._program = tuple(program)
        self._rest_seconds = rest_seconds
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._began = -math.inf
        self.name = ""
        self.size = 0
        self._begin()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None else None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As `Embedder.embed`."""
        with self._lock:
            if self._process is None:
                self._begin()
            parts = [self._ask(list(texts[start : start + _AT_ONCE])) for start in range(0, len(texts), _AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, self.size), dtype=np.float32)

    def close(self) -> None:
        """Ends the process at once, and for good. May be called in any thread."""
        # Said first: whoever is just beginning another one looks at it after that.
        self._closed = True
        self._end()

    def _begin(self) -> None:
        if self._closed:
            raise EmbeddingFailed("the embedder was closed")
        if time.monotonic() - self._began < self._rest_seconds:
            raise EmbeddingFailed("the embedder's process has only just ended")
        self._began = time.monotonic()
        # One thread: the others of OpenMP would wait by spinning.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                cwd=ROOT,
            )
            if self._closed:
                raise EOFError
            hello = msgspec.json.decode(self._exchange(None, START_SECONDS), type=Hello)
        except (OSError, EOFError, ValueError) as error:
            self._end()
            raise EmbeddingFailed(f"the embedder's process does not begin: {type(error).__name__}") from error
        if self.name and (hello.name, hello.size) != (self.name, self.size):
            self._end()
            raise EmbeddingFailed("another embedder than before was installed meanwhile")
        self.name, self.size = hello.name, hello.size

    def _ask(self, texts: list[str]) -> NDArray[np.float32]:
        # Lone surrogates are no UTF-8; what the text means without them is the same.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        try:
            answer = self._exchange(msgspec.json.encode(clean), TEXT_SECONDS * len(texts))
            rows = np.frombuffer(answer, dtype="<f4").reshape(len(texts), self.size)
        except (OSError, EOFError, ValueError) as error:
            self._end()
            if not self._closed:
                log.warning("embedder's process ended", error=type(error).__name__)
            raise EmbeddingFailed(f"the embedder's process ended: {type(error).__name__}") from error
        except BaseException:
            # What is left of its answer would be taken for that of the next texts.
            self._end()
            raise
        if not np.isfinite(rows).all():
            # Nobody could read a judgement made of it.
            raise EmbeddingFailed("the embedder's answer is no direction")
        return rows.astype(np.float32, copy=True)

    def _exchange(self, message: bytes | None, seconds: float) -> bytes:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError
        # A process that hangs is ended, and what waits for it reads the end of its output.
        watchdog = threading.Timer(seconds, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            if message is not None:
                write(process.stdin, message)  # type: ignore[arg-type]  # typeshed's IO[bytes] is a BinaryIO here
            (size,) = LENGTH.unpack(read(process.stdout, LENGTH.size))  # type: ignore[arg-type]  # the same
            return read(process.stdout, size)  # type: ignore[arg-type]  # the same
        finally:
            watchdog.cancel()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what could not be sent any more is of no use to anybody
