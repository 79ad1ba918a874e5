"""The errors that cross a boundary: to a client as a problem document, or to a consumer as what to do next."""

from __future__ import annotations

from collections.abc import Mapping


class OtklikError(Exception):
    """An error that a client is told about: `status` is its HTTP status, `title` its kind, the message its detail.

    `extra` is added to the problem document as members of its own, for example the transitions that are allowed.
    `headers` go onto the answer, for example Retry-After.
    """

    status = 500
    title = "Internal error"

    def __init__(
        self, detail: str, *, extra: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class Invalid(OtklikError):
    """What was sent is understood but wrong; the detail says which item, what is wrong and what would be right."""

    status = 400
    title = "Invalid request"


class Unauthorized(OtklikError):
    """No key, or one that is unknown, expired or revoked."""

    status = 401
    title = "Not authorized"


class Forbidden(OtklikError):
    """A known key whose role or scope does not cover this."""

    status = 403
    title = "Forbidden"


class NotFound(OtklikError):
    """No such thing, or none that this key may see."""

    status = 404
    title = "Not found"


class RequestTimeout(OtklikError):
    """The client stopped sending in the middle of its body."""

    status = 408
    title = "Request timed out"


class Conflict(OtklikError):
    """The thing is in a state that does not allow this; the detail and `extra` say what is allowed."""

    status = 409
    title = "Conflict"


class PreconditionFailed(OtklikError):
    """If-Match named a version that is no longer the present one."""

    status = 412
    title = "Changed meanwhile"


class TooLarge(OtklikError):
    """A body or a list over its limit; the detail names the limit."""

    status = 413
    title = "Too large"


class Unavailable(OtklikError):
    """A part we depend on (broker, database, key ring) is away or full; Retry-After says when to come again."""

    status = 503
    title = "Unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Poison(Exception):
    """This message can never be handled: it goes to the dead letters under `reason` (a short subject token)."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Transient(Exception):
    """Trying again later may help; the message is redelivered, for as long as it takes."""


class Fatal(Exception):
    """Nothing can be handled until a person mends something: the process must stop and say so."""
