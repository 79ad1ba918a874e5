"""`python -m services.ingest decode`: what a recorded payload of a platform becomes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import click

from services.ingest.arrivals import brings_nothing
from services.ingest.connectors.connector import Decoder
from services.ingest.connectors.received import NotThisPlatform, Received
from services.ingest.submission import Refusal, held, to_entry
from shared.clock import new_id, utc_now
from shared.events import encode

MAX_FILE = 16 * 1024 * 1024
"""Bytes; an answer to a poll is never longer."""
_STRANGER = b"decode: no key was set"
"""Stands for the author key where none is set: the hashes are then those of no database."""


@click.command()
@click.option("--platform", required=True, type=click.Choice(["vk", "telegram", "max", "ok"]))
@click.option("--page", help="The page it came from, such as vk:-123, where the payload does not say.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
def decode(platform: str, page: str | None, file: Path) -> None:
    """Prints the events that FILE becomes as lines of JSON, `skipped: <reason>` for what is none of ours, or
    `unusable: <reason>` for what would be ours and lacks what it needs: ingest keeps that as a dead letter.

    FILE is a payload of PLATFORM as it came: the body of a call, an answer to a poll, an answer of its API; `-` reads
    standard input. Ends with 1 and one line for what is no payload of the platform at all.
    """
    from services.ingest.connectors.platforms import DECODERS

    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as content:
            payload = content.read(MAX_FILE + 1)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    if len(payload) > MAX_FILE:
        raise click.ClickException(f"{file}: longer than {MAX_FILE} bytes")
    try:
        lines = list(outline(DECODERS, platform, payload, page))
    except NotThisPlatform as error:
        raise click.ClickException(f"{file}: {error}") from error
    for line in lines:
        click.echo(line)


def outline(decoders: Mapping[str, Decoder], platform: str, payload: bytes, page: str | None = None) -> list[str]:
    """One line for each event in `payload`; raises NotThisPlatform."""
    key = os.environ.get("OTKLIK_AUTHOR_KEY", "").encode() or _STRANGER
    return [_line(event, key) for event in decoders[platform](payload, page)]


def _line(event: Received, author_key: bytes) -> str:
    if event.skipped is not None:
        return f"{'skipped' if event.fault is None else 'unusable'}: {event.skipped}"
    if event.copy is not None:
        copy = event.copy
        return f"skipped: the copy of post {copy.post} of channel {copy.channel}, kept for its comments"
    if event.moved is not None:
        return f"skipped: the group {event.moved[0]} is {event.moved[1]} from now on"
    if event.submission is None:
        return "skipped: nothing in it"
    if brings_nothing(event.submission):
        return "skipped: neither words nor anything else to look at"
    checked = held(event.submission)
    if isinstance(checked, Refusal):
        return f"unusable: {checked.error}"
    result = to_entry(checked, author_key=author_key, received_at=utc_now(), trace=new_id().hex)
    return f"unusable: {result.error}" if isinstance(result, Refusal) else encode(result.event).decode()
