"""The metrics' documentation, made from their declarations."""

from __future__ import annotations

from shared.obs import metrics

_HEAD = """# Metrics

Every service answers `GET /metrics` in Prometheus' text format, without a key: keep the port inside your network.
This page is generated from the declarations: `python -m shared.obs > docs/metrics.md`.

| metric | kind | labels | meaning | when it looks wrong |
|---|---|---|---|---|
"""


def metrics_document() -> str:
    """`docs/metrics.md`, whole."""
    rows = (
        f"| `{item.name}` | {item.kind} | {', '.join(item.labels) or '–'} | {item.meaning} | {item.remedy or '–'} |\n"
        for item in metrics.catalogue.definitions
    )
    return _HEAD + "".join(rows) + "\nBesides these come the client library's own `process_*`, `python_*` metrics.\n"
