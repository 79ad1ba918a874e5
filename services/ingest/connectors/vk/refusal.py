"""What VK's error numbers mean for whoever asked (errors.json of the published schema, version 5.199). Pure."""

from __future__ import annotations

from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PlatformError,
    Refused,
    Unclear,
)

TOO_MANY = 6
"""Too many calls in this second."""

_WAITS: dict[int, float] = {
    TOO_MANY: 1.0,
    9: 60.0,  # flood control: too many of the same
    29: 3_600.0,  # the method's quota of the day
    32: 5.0,
    43: 600.0,  # the section is switched off for now
    103: 3_600.0,
    223: 600.0,  # too many replies
    601: 3_600.0,
}
"""Nothing was done, and the same works again after so many seconds. VK does not say how long; these are ours."""

_INTERNAL = frozenset({1, 10, 13, 36})
"""VK broke down while doing it: whether it is done, the number does not say."""

_CREDENTIAL = frozenset(
    {2, 4, 5, 16, 17, 25, 38, 41, 42, 101, 1114, 1116, 1117, 1118, 3301, 3302, 3303, 3304, 3609, 3610, 3611}
)
_ALLOWED = frozenset(
    {7, 11, 14, 15, 19, 20, 21, 23, 24, 27, 28, 30, 183, 200, 203, 204, 205, 210, 211, 213, 214, 260, 3300, 11500}
)
"""14 and 3300 ask for a captcha and 24 for a confirmation, which only a person can give; 27 and 28 say that the method
is not there for a community's or an application's token."""
_GONE = frozenset({104, 1403})
_NOBODY = frozenset({18, 37, 39, 40})
"""A user or a community is not there: what they wrote may well be."""
_WORDS = {
    5: "the token is wrong, expired or revoked",
    1117: "the token has expired",
    TOO_MANY: "too many calls in a second",
    9: "flood control",
    10: "internal error",
    14: "a captcha is asked for",
    15: "access denied",
    27: "not with a community's token",
    28: "not with an application's token",
    29: "the quota of the day is used up",
    100: "a parameter is wrong",
    104: "not found",
    210: "no access to the post",
    211: "no access to the comment",
    212: "comments are closed",
    213: "replying is not allowed",
    214: "writing is not allowed",
    222: "links are forbidden",
    223: "too many replies",
    801: "comments are closed",
    1401: "comments are closed",
}
"""Ours, since VK's own words may repeat what was sent."""


def failure(code: int, *, writing: bool) -> PlatformError:
    """The error for VK's number `code`; `writing` where the call was to change something. What is in no list was
    refused as it is: VK's numbers say that nothing was done, except the few that tell of a breakdown."""
    detail = f"VK error {code}" + (f": {_WORDS[code]}" if code in _WORDS else "")
    if code in _WAITS:
        return NotSent(detail, retry_after=_WAITS[code])
    if code in _INTERNAL:
        return Unclear(detail) if writing else NotSent(detail)
    if code in _CREDENTIAL:
        return BadCredential(detail)
    if code in _ALLOWED:
        return NotAllowed(detail)
    if code in _NOBODY and writing:
        return NotAllowed(detail)
    if code in _GONE or code in _NOBODY:
        return Gone(detail)
    return Refused(detail)
