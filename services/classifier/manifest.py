"""A stored model: plain arrays and a JSON manifest that vouches for each of them.

The version is the hash of everything in the manifest, which holds the hash of each array: the same arrays under the
same thresholds have the same version, and nothing can change unnoticed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from services.classifier.judgement import Thresholds

MANIFEST = "manifest.json"
MAX_BYTES = 64 * 1024 * 1024
"""Of one array's file; a larger one is refused unread."""


class ModelError(Exception):
    """A stored model cannot be used; the message names the file and says what is wrong with it."""


class Array(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One array: a file in NumPy's own format, without pickled objects."""

    file: Annotated[str, Meta(pattern=r"^[a-z_]+\.npy$")]
    sha256: str


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question answered: `columns` and `weights` name its arrays, `intercepts` has one number for each output.

    Output k of a comment with features x is x[columns] @ weights[:, k] + intercepts[k]; for a careful head the
    comment's embedding stands behind the features. With two classes there is one output, whose logistic is the
    probability of the second; with more, the softmax is that of each.
    """

    classes: tuple[str, ...]
    intercepts: tuple[float, ...]
    columns: str
    weights: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model consists of."""

    format: Literal[1] = 1
    version: str
    bits: Annotated[int, Meta(ge=8, le=20)]
    fingerprint: str
    """Of the feature code that the weights belong to."""
    heads: dict[str, Head]
    thresholds: Thresholds
    embedder: str | None = None
    """Whose embeddings the careful heads read; without one there are no careful heads."""
    embedding_size: Annotated[int, Meta(ge=0, le=4_096)] = 0
    careful_unsure: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0
    """What `thresholds.unsure` is for the careful reader."""
    arrays: dict[str, Array]

    def true_version(self) -> str:
        """What `version` has to be."""
        content = msgspec.json.encode(msgspec.structs.replace(self, version=""), order="deterministic")
        return f"fast-{hashlib.sha256(content).hexdigest()[:12]}"


def write_model(folder: Path, manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> Manifest:
    """Writes `arrays` and then the manifest, with hashes and version filled in; returns it as written."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for name in sorted(arrays):
        buffer = io.BytesIO()
        np.save(buffer, arrays[name], allow_pickle=False)
        (folder / f"{name}.npy").write_bytes(buffer.getvalue())
        described[name] = Array(file=f"{name}.npy", sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
    complete = msgspec.structs.replace(manifest, arrays=described)
    complete = msgspec.structs.replace(complete, version=complete.true_version())
    text = msgspec.json.format(msgspec.json.encode(complete, order="deterministic"), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Raises ModelError where it is missing or not what it was when it was written; the arrays are not looked at."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); is this the folder of a model?") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a manifest of format 1: {error}") from error
    if manifest.version != manifest.true_version():
        raise ModelError(f"{path}: damaged or edited, its content does not match its version {manifest.version}")
    return manifest


def read_model(folder: Path) -> tuple[Manifest, dict[str, NDArray[Any]]]:
    """The manifest and its arrays, every hash checked; raises ModelError otherwise."""
    manifest = read_manifest(folder)
    return manifest, {name: _read_array(folder / array.file, array) for name, array in manifest.arrays.items()}


def _read_array(path: Path, array: Array) -> NDArray[Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{path}: larger than {MAX_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != array.sha256:
        raise ModelError(f"{path}: damaged, its sha256 is not the one in {MANIFEST}")
    try:
        # `np.load` would take an archive of arrays too, and return that.
        loaded: NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, MemoryError) as error:
        raise ModelError(f"{path}: not an array: {error}") from error
    return loaded
