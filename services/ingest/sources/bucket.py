"""What this package needs of the broker's buckets: `shared.bus.Bucket` promises it, and so does the one in memory."""

from __future__ import annotations

from typing import Protocol


class Bucket(Protocol):
    """Every call raises Unavailable when the broker does not answer."""

    async def entry(self, key: str) -> tuple[bytes | None, int]:
        """The value and the revision to replace it by, as the leader has them."""

    async def put(self, key: str, value: bytes) -> int:
        """Stores the value."""

    async def replace(self, key: str, value: bytes, *, revision: int) -> int:
        """Stores the value if the key stands at `revision` (0: it never had one); raises Conflict otherwise."""

    async def delete(self, key: str, *, revision: int | None = None) -> None:
        """Removes the key; with `revision` only if it stands there, else raises Conflict."""

    async def entries(self) -> dict[str, bytes]:
        """Everything in it."""

    async def last_sequence(self) -> int:
        """A number that rises with every change."""

    async def changes(self, after: int) -> tuple[list[tuple[str, bytes | None]], int]:
        """What changed after that number (None: removed), and the number reached."""


class Buckets(Protocol):
    """The bus."""

    async def bucket(self, name: str) -> Bucket:
        """The bucket of that name; raises Unavailable while the broker is away."""
