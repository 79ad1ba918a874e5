"""The Callback API: calls proved genuine by the secret in their body. Pure."""

from __future__ import annotations

from services.ingest.connectors.connector import Call, Forged, HookAnswer
from services.ingest.connectors.proof import proves
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.connectors.vk.decoding import EXPECTED, envelope, read_event
from services.ingest.connectors.vk.payload import positive, read_json, table
from services.ingest.connectors.vk.place import owner_of
from services.ingest.sources.source import Source

OK = HookAnswer(body=b"ok")
"""The one answer that VK takes for success; it must be exactly this."""
DISMISSAL = "remove"
"""The body that makes VK delete the server: nothing we are told to say may be this."""
NOT_YET = HookAnswer(status=503)
"""To a confirmation while we do not know its words."""


def take(source: Source, body: bytes) -> Call:
    """See `Connector.hook`: the secret stands in the body, so that what cannot be read cannot be genuine either."""
    try:
        fields = table(read_json(body))
    except ValueError:
        raise Forged("no JSON") from None
    group = positive(fields.get("group_id"))
    if group is None or owner_of(source.page) != -group:
        raise Forged("not about the source's community")
    words = (source.secrets.confirmation or "").strip()
    confirms = fields.get("type") == "confirmation"
    # VK makes this call while the server is being set up, and mostly without the secret. Without words of ours to
    # answer with, it is as good as any other call that proves nothing.
    given = fields.get("secret")
    proved = proves(source.secrets.hook_secret, given if isinstance(given, str) else None)
    if not proved and not (confirms and words and "secret" not in fields):
        raise Forged("wrong secret")
    if confirms:
        answer = NOT_YET if not words or words.lower() == DISMISSAL else HookAnswer(body=words.encode())
        return Call(answer=answer)
    found = envelope(fields)
    if found is None:
        raise NotThisPlatform(EXPECTED)
    return Call(events=(read_event(found, source.page),), answer=OK)
