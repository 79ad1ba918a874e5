"""Which certificates of platforms are believed: the system's, and those of one file beside them."""

from __future__ import annotations

import ssl
from pathlib import Path


def trust(bundle: Path | None) -> ssl.SSLContext:
    """The system's certificates and those of `bundle`; raises OSError, of which ssl.SSLError is a kind, where it
    cannot be read."""
    context = ssl.create_default_context()
    if bundle is not None:
        context.load_verify_locations(bundle)
    return context


def bundle_fault(path: str) -> str | None:
    """What is wrong with a file to be trusted; None for one that can be, and where none is named."""
    if not path:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return f"{path} holds no certificates in PEM form; a file that does would be right"
    except OSError as error:
        return f"cannot read {path}: {error.strerror}; a file of certificates in PEM form would be right"
    return None
