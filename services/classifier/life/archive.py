"""A model's folder as one file, and back: the same folder always gives the same bytes.

An uncompressed ZIP without times or owners. Nothing in it is ever executed or unpickled, and everything is measured
before it is written: a file can neither leave its folder nor grow while it is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from services.classifier.manifest import MANIFEST, ModelError

MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
MAX_FILES = 64
FILE_NAME = re.compile(r"[a-z0-9_]{1,60}\.(?:json|md|npy)")
"""What a model consists of; other files of a folder (plots) are not needed to judge and stay behind."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path) -> bytes:
    """The model in `folder`; raises ModelError for a folder that holds none, too many files or too large ones."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and FILE_NAME.fullmatch(path.name))
        size = sum(path.stat().st_size for path in paths)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror}); is this the folder of a model?") from error
    if MANIFEST not in {path.name for path in paths}:
        raise ModelError(f"{folder}: no {MANIFEST} in it; is this the folder of a model?")
    if len(paths) > MAX_FILES or size > MAX_ARCHIVE_BYTES - 1024 * MAX_FILES:
        raise ModelError(f"{folder}: {len(paths)} files of {size} bytes, at most {MAX_ARCHIVE_BYTES} are published")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in paths:
            # Made on Unix and readable by all, on whatever machine it is packed.
            entry = zipfile.ZipInfo(path.name, _LONG_AGO)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Writes the files of an archive into the empty `folder`; raises ModelError for what `pack` would not have made."""
    if len(content) > MAX_ARCHIVE_BYTES:
        raise ModelError(f"the archive has {len(content)} bytes, at most {MAX_ARCHIVE_BYTES} are read")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if len(entries) > MAX_FILES or len(set(names)) != len(names):
                raise ModelError("the archive has too many files, or one of them twice")
            for entry in entries:
                if not FILE_NAME.fullmatch(entry.filename) or entry.compress_type != zipfile.ZIP_STORED:
                    raise ModelError("the archive holds something that is no part of a model")
            # Stored ones take their own size in the archive, however often its list of contents refers to them.
            if sum(entry.file_size for entry in entries) > len(content):
                raise ModelError("the archive claims to hold more than it does")
            for entry in entries:
                (folder / entry.filename).write_bytes(archive.read(entry))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelError(f"the archive is damaged: {type(error).__name__}") from error
