"""Log lines: one a unit of work, as JSON for machines or coloured for a terminal, to standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import msgspec
import structlog

from shared.obs.outline import exception_outline
from shared.obs.withheld import Withhold

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logging(
    *,
    service: str,
    level: LogLevel = "info",
    format: LogFormat = "auto",
    stream: TextIO | None = None,
    strict: bool = False,
) -> None:
    """Sends structlog's and the standard library's entries to `stream` (standard error), from `level` on.

    `auto` means console on a terminal and JSON elsewhere. Other libraries are heard from warning on. Call it once, at
    a command's start. `strict` (for tests) makes a forbidden key an error instead of withholding it.
    """
    out = sys.stderr if stream is None else stream
    console = format == "console" or (format == "auto" and out.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Service(service),
        exception_outline,
    ]
    # Withholding stands last, so that nothing added before it escapes.
    last: list[structlog.types.Processor] = [
        Withhold(strict=strict),
        *((_readable, structlog.dev.ConsoleRenderer()) if console else (structlog.processors.JSONRenderer(_json),)),
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_LEVELS[level], logging.WARNING))


class _Service:
    """The processor that says which service speaks."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        entry.setdefault("service", self._service)
        return entry


def _logger_name(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = entry.get("_record")
    if isinstance(record, logging.LogRecord):
        entry["logger"] = record.name
    return entry


def _readable(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if "exception" in entry:
        entry["exception"] = "\n".join(entry["exception"])
    return entry


def _json(entry: object, **_options: object) -> str:
    return msgspec.json.encode(entry).decode()
