"""Which platforms there are, and who speaks with each."""

from __future__ import annotations

from collections.abc import Mapping

from services.ingest.connectors.connector import Decoder
from services.ingest.connectors.vk.decoding import decode as vk

DECODERS: Mapping[str, Decoder] = {
    "vk": vk,
}
