"""What a platform's answer means for whoever asked. The words never hold a secret or a comment's text."""

from __future__ import annotations


class PlatformError(Exception):
    """Base of all; `detail` is for staff, in English, with the platform's own error number where it gives one."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotSent(PlatformError):
    """The platform was not reached, or says that it did nothing (a connection refused, a server error that names
    itself): asking again later is safe."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """Seconds that the platform asks to wait (rate limit, flood control)."""


class Unclear(PlatformError):
    """No answer, or one that does not say: what was asked may have been done. Only looking can tell."""


class BadCredential(PlatformError):
    """The token is wrong, expired or revoked: nothing works until a person gives a new one."""


class NotAllowed(PlatformError):
    """This credential may not do this here; a person who may has to."""


class Gone(PlatformError):
    """What it is about is not there any more: a deleted comment, post or group."""


class Refused(PlatformError):
    """The platform will never take this as it is: comments are closed, a link is forbidden, the text too long."""


class PageMoved(PlatformError):
    """Telegram: the group became a supergroup, `group`, and nothing was done. Messages have other numbers there, so
    that what was asked about one of them cannot be asked there."""

    def __init__(self, detail: str, *, group: str) -> None:
        super().__init__(detail)
        self.group = group
