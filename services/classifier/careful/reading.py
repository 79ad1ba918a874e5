"""Reading carefully without a deadline: what `predict` and `evaluate` do with texts that nobody waits for."""

from __future__ import annotations

from collections.abc import Sequence

from services.classifier.careful.embedding import Embedder, EmbeddingFailed
from services.classifier.careful.opening import load_embedder
from services.classifier.judgement import Judgement
from services.classifier.model import Model


def read_carefully(model: Model, embedder: Embedder, texts: Sequence[str]) -> list[Judgement]:
    """One judgement for each text, in order; a text that cannot be embedded is judged by the fast reader alone."""
    if not texts:
        return []
    try:
        return model.judge_carefully(texts, embedder.embed(texts))
    except EmbeddingFailed:
        # One of them is at fault; the others need not suffer.
        return [_one(model, embedder, text) for text in texts]


def careful_reader(model: Model) -> tuple[Embedder | None, str]:
    """What embeds for `model` on this machine, or None and why not. Close it."""
    if not model.careful_name:
        return None, "this model has no careful reader"
    embedder = load_embedder(waiting=False)
    if embedder is None:
        return None, "no careful reader on this machine: the extra `careful` is missing or does not run here"
    if embedder.name != model.careful_name:
        embedder.close()
        return None, f"this model reads embeddings of {model.careful_name}, this machine makes those of {embedder.name}"
    return embedder, ""


def _one(model: Model, embedder: Embedder, text: str) -> Judgement:
    try:
        return model.judge_carefully([text], embedder.embed([text]))[0]
    except EmbeddingFailed:
        return model.judge([text])[0]
