"""Training from rows to a model in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.features import CommentFeatures, fingerprint, width
from services.classifier.manifest import Head, Manifest, write_model
from services.classifier.model import CAREFUL, Model
from services.classifier.training.borders import TagsUnseen, choose_thresholds, choose_unsure
from services.classifier.training.copies import with_copies
from services.classifier.training.embedded import Embedded
from services.classifier.training.evaluation.figures import Figures
from services.classifier.training.examples import Examples, examples_for
from services.classifier.training.figures import cross_validated
from services.classifier.training.heads import Fitted, fit_head
from services.classifier.training.rows import Row, distinct
from services.classifier.training.specs import SPECS, HeadSpec

BITS = 16
"""Of a model in production; tests take fewer."""
CAREFUL_UNTAGGED = 1_000
"""Texts without a tag that the careful heads learn from: an embedding takes a thousand times as long as the rest."""

EMBEDDING_WEIGHT = 1.4
"""Mean length of a centred embedding, beside 1.5 of a comment's character n-grams and 1.5 of its words."""

FITS_SAID_S = 5.0
"""How often it is told, at most, how many fits of a head are done; that of topics takes the longest by far."""

Report = Callable[[str], None]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A model in memory, ready to be written, and how it did in cross-validation."""

    manifest: Manifest
    arrays: dict[str, NDArray[Any]]
    figures: Figures
    rows: int

    def model(self) -> Model:
        """As it will judge once written."""
        return Model(self.manifest, self.arrays)

    def write(self, folder: Path) -> Manifest:
        """Writes it; the manifest returned carries the version."""
        return write_model(folder, self.manifest, self.arrays)


def train(
    rows: Sequence[Row], *, bits: int = BITS, embedded: Embedded | None = None, report: Report = lambda _: None
) -> Training:
    """Fits every head on `rows`, and those of the careful reader where there is `embedded`; the same rows in the same
    order give the same model.

    Raises TrainingError when the rows do not show enough of something, EmbeddingFailed.
    """
    known = distinct(rows)
    rows, origins = with_copies(known)
    # How rare an n-gram is, is learned from comments under pages alone: those whose tag is known.
    features = CommentFeatures(bits).fit([row.text for row in known if row.tag is not None])
    fast = {
        spec.name: _fit(spec, examples_for(spec, rows, features, origins=origins), spec.strengths, report)
        for spec in SPECS
    }
    tags = TagsUnseen(fast["spam"], fast["tag"], rows)
    thresholds = choose_thresholds(tags, fast["spam"], fast["toxic"], fast["urgent"])
    figures = cross_validated(fast, tags, thresholds)
    arrays: dict[str, NDArray[Any]] = {"char_weights": features.char_weights_, "word_weights": features.word_weights_}
    heads = _packed(fast, arrays, bits, "")
    manifest = Manifest(
        version="", bits=bits, fingerprint=fingerprint(bits), heads=heads, thresholds=thresholds, arrays={}
    )
    if embedded is not None:
        careful, read = _careful(rows, origins, features, embedded, report)
        careful_tags = TagsUnseen(careful["spam"], careful["tag"], read).mean_with(tags)
        unsure = choose_unsure(*careful_tags.judged(), careful_tags.weights())
        figures["careful"] = cross_validated(careful, careful_tags, msgspec.structs.replace(thresholds, unsure=unsure))
        manifest = msgspec.structs.replace(
            manifest,
            heads=heads | _packed(careful, arrays, bits, CAREFUL),
            embedder=embedded.name,
            embedding_size=embedded.size,
            careful_unsure=unsure,
        )
    return Training(manifest=manifest, arrays=arrays, figures=figures, rows=len(known))


def _fit(spec: HeadSpec, examples: Examples, strengths: Sequence[float], report: Report) -> Fitted:
    tried = ", ".join(f"{one:g}" for one in strengths)
    report(f"{spec.name}: fitting on {len(examples.labels)} texts, strengths {tried}")
    said = time.monotonic()

    def done(fits: int, of: int) -> None:
        nonlocal said
        if time.monotonic() - said >= FITS_SAID_S:
            said = time.monotonic()
            report(f"{spec.name}: {fits} of {of} fits done")

    return fit_head(spec, examples, strengths, done)


def _careful(
    rows: Sequence[Row], origins: Sequence[int], features: CommentFeatures, embedded: Embedded, report: Report
) -> tuple[dict[str, Fitted], list[Row]]:
    """The careful heads, and the rows they learned from."""
    places = [place for place, row in enumerate(rows) if row.tag is not None]
    places += [place for place, row in enumerate(rows) if row.tag is None][:CAREFUL_UNTAGGED]
    read, groups = [rows[place] for place in places], [origins[place] for place in places]
    report(f"careful reader: embedding {len(read)} texts")
    directions = embedded.embed(
        [row.text for row in read], lambda done, of: report(f"careful reader: {done} of {of} embedded")
    )
    # All directions of a language model lie close together; centred and stretched they count beside n-grams.
    centre = directions.mean(axis=0)
    stretch = np.float32(EMBEDDING_WEIGHT / np.linalg.norm(directions - centre, axis=1).mean())
    spread = (directions - centre) * stretch
    fitted = {}
    for spec in SPECS:
        head = _fit(spec, examples_for(spec, read, features, spread, origins=groups), spec.careful, report)
        coefficients = head.coefficients.copy()
        behind = coefficients[:, -embedded.size :]
        behind *= stretch
        # An example's direction is not centred when it is judged: the intercept makes up for it.
        fitted[spec.name] = msgspec.structs.replace(
            head, coefficients=coefficients, intercepts=head.intercepts - behind @ centre
        )
    return fitted, read


def _packed(heads: dict[str, Fitted], arrays: dict[str, NDArray[Any]], bits: int, prefix: str) -> dict[str, Head]:
    packed = _pack([head for head in heads.values() if not head.spec.chars_only], prefix + "judgement", arrays, bits)
    return packed | _pack([head for head in heads.values() if head.spec.chars_only], prefix + "topic", arrays, bits)


def _pack(heads: Sequence[Fitted], group: str, arrays: dict[str, NDArray[Any]], bits: int) -> dict[str, Head]:
    """Adds the heads' arrays: their columns in common, without those that weigh nothing, as half-precision numbers."""
    prefix = CAREFUL if group.startswith(CAREFUL) else ""
    halves = {head.spec.name: _full(head, bits, careful=bool(prefix)).astype(np.float16) for head in heads}
    columns = np.flatnonzero(np.any([half.any(axis=1) for half in halves.values()], axis=0)).astype(np.int32)
    arrays[f"{group}_columns"] = columns
    packed = {}
    for head in heads:
        name = prefix + head.spec.name
        arrays[f"{name}_weights"] = halves[head.spec.name][columns]
        packed[name] = Head(
            classes=head.classes,
            intercepts=tuple(round(float(value), 5) for value in head.intercepts),
            columns=f"{group}_columns",
            weights=f"{name}_weights",
        )
    return packed


def _full(head: Fitted, bits: int, *, careful: bool) -> NDArray[np.float64]:
    """Weights for all columns of all kinds."""
    coefficients = head.coefficients
    size = coefficients.shape[1]
    if careful and head.spec.chars_only:  # the embedding alone
        return np.concatenate([np.zeros((width(bits), len(coefficients))), coefficients.T])
    full = np.zeros((max(width(bits), size), len(coefficients)))
    full[:size] = coefficients.T
    return full
