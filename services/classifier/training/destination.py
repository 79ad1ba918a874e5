"""A folder that results go to, tried before the work that takes long."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from services.classifier.training.records import TrainingError


def check_folder(folder: Path, what: str) -> None:
    """Raises TrainingError where `what` could not be written to `folder`, which may be absent. Leaves nothing behind.

    By trying: permissions do not tell of a file system that takes no files, and root may do everything.
    """
    made: list[Path] = []
    try:
        for place in reversed([one for one in (folder, *folder.absolute().parents) if not one.exists()]):
            place.mkdir()
            made.append(place)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        raise TrainingError(f"{folder}: no {what} can be written there ({error.strerror})") from error
    finally:
        for place in reversed(made):
            with suppress(OSError):  # somebody else has put something there
                place.rmdir()
