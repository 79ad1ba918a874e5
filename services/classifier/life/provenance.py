"""What a model learned from, as its card says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

CARD = "card.json"
MAX_CARD_BYTES = 256 * 1024
MOST_NAMED = 6
"""Files that one line names."""


class LearnedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of comments."""

    name: str = ""
    sha256: str


class _Card(msgspec.Struct, frozen=True):
    data: tuple[LearnedFile, ...]


def learned_files(folder: Path) -> tuple[LearnedFile, ...]:
    """The files that the card beside the model in `folder` names; none where it has no card that can be read."""
    try:
        with (folder / CARD).open("rb") as file:
            return msgspec.json.decode(file.read(MAX_CARD_BYTES), type=_Card).data
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()


def not_learned(live: Sequence[LearnedFile], candidate: Sequence[LearnedFile]) -> tuple[str, ...]:
    """The names of the files that `live` learned from and `candidate` in no version did."""
    names, hashes = {file.name for file in candidate}, {file.sha256 for file in candidate}
    return tuple(file.name for file in live if file.name not in names and file.sha256 not in hashes)


def likely_cause(live: Sequence[LearnedFile], candidate: Sequence[LearnedFile]) -> str:
    """Why `candidate` may be worse than `live`, and what to do then; empty where their cards do not tell."""
    missing = not_learned(live, candidate)
    if not missing:
        return ""
    files = "a file" if len(missing) == 1 else f"{len(missing)} files"
    named = sorted(missing, key=lambda name: name.startswith("corpus/"))  # what is not ours is more to the point
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return (
        f"the live model learned from {files} that this one did not: {', '.join(named[:MOST_NAMED])}{more}. "
        "Train with them too (--data, --untagged; --labels for LABELS); its card has their licences and sha256"
    )
