"""HTTP as every service speaks it: problems, keys, probes, pages, and one process that stops gracefully."""

from shared.web.app import BODY_LIMIT, create_app
from shared.web.etag import check_version, etag
from shared.web.health import Background, Health, background
from shared.web.page import DEFAULT_PAGE, MAX_PAGE, Cursor, Limit, Page, decode_cursor, encode_cursor
from shared.web.problem import FieldError, Problem, problem_response
from shared.web.request import ServiceRequest
from shared.web.serve import serve
from shared.web.service import Service

__all__ = [
    "BODY_LIMIT",
    "DEFAULT_PAGE",
    "MAX_PAGE",
    "Background",
    "Cursor",
    "FieldError",
    "Health",
    "Limit",
    "Page",
    "Problem",
    "Service",
    "ServiceRequest",
    "background",
    "check_version",
    "create_app",
    "decode_cursor",
    "encode_cursor",
    "etag",
    "problem_response",
    "serve",
]
