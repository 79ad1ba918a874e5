"""Versions over HTTP: `ETag` on what is read, `If-Match` on what is written."""

from __future__ import annotations

import re

from shared.errors import Invalid, PreconditionFailed

_TAG = re.compile(r'"([0-9]{1,18})"')


def etag(version: int) -> str:
    """The value of the header ETag for this version."""
    return f'"{version}"'


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that the header If-Match accepts; None when there is no header, or it is `*`: any.

    Raises Invalid for a header that no ETag of ours could be in.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    parts = [part.strip() for part in if_match.split(",")]
    versions = [match for part in parts if (match := _TAG.fullmatch(part)) is not None]
    if len(versions) != len(parts):
        raise Invalid('If-Match: send the ETag as it came, for example "7"')
    return frozenset(int(match[1]) for match in versions)


def check_version(if_match: str | None, version: int) -> None:
    """Raises PreconditionFailed when If-Match does not accept the present `version`."""
    expected = expected_versions(if_match)
    if expected is not None and version not in expected:
        raise PreconditionFailed(
            "somebody changed it meanwhile; read it again", extra={"version": version}, headers={"ETag": etag(version)}
        )
