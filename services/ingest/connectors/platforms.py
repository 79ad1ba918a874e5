"""Which platforms there are, and who speaks with each."""

from __future__ import annotations

from collections.abc import Mapping

from services.ingest.connectors.connector import Decoder
from services.ingest.connectors.max.decoding import decode as decode_max
from services.ingest.connectors.ok.decoding import decode as decode_ok
from services.ingest.connectors.telegram.decoding import decode as decode_telegram
from services.ingest.connectors.vk.decoding import decode as decode_vk

DECODERS: Mapping[str, Decoder] = {
    "max": decode_max,
    "ok": decode_ok,
    "telegram": decode_telegram,
    "vk": decode_vk,
}
