"""The command `python -m services.ingest replay`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from services.ingest.replay.client import Client
from services.ingest.replay.columns import parse_map, parse_set, settle
from services.ingest.replay.fault import ReplayError
from services.ingest.replay.journal import Journal
from services.ingest.replay.pace import parse_pace
from services.ingest.replay.report import BarDisplay, Display, PlainDisplay, RejectedFile
from services.ingest.replay.rows import Format, RowFile
from services.ingest.replay.run import Replay, Task
from shared.clock import utc_now
from shared.counting import counted
from shared.numbers import WholeNumber

DEFAULT_URL = "http://127.0.0.1:8001"
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def data_folder() -> Path:
    """Where this installation keeps its files."""
    return Path(os.environ.get("OTKLIK_DATA_DIR", ".data"))


class _Ports(msgspec.Struct):
    ingest: int


def ingest_url() -> str:
    """Where ingest listens by the `ports.json` that `make run` keeps with its state, else its usual address."""
    try:
        ports = msgspec.json.decode((data_folder() / "ports.json").read_bytes(), type=_Ports)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return DEFAULT_URL
    return f"http://127.0.0.1:{ports.ingest}"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--format", "form", type=click.Choice(["csv", "ndjson"]), help="Default: by the file's extension.")
@click.option(
    "--url",
    default=ingest_url,
    show_default="that of `make run`, else " + DEFAULT_URL,
    help="The running ingest.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the key. Default: OTKLIK_KEY, OTKLIK_KEY_FILE, then admin.key in OTKLIK_DATA_DIR (.data).",
)
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN[:value=meaning,…]", help="Where a field stands.")
@click.option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="The same value in every row.")
@click.option("--time-zone", default="Europe/Moscow", show_default=True, help="Of times without an offset.")
@click.option("--date-format", metavar="STRPTIME", help='As in "%d/%m/%Y"; default: the usual ones.')
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Of the file.")
@click.option("--rate", type=float, metavar="N", help="Comments a second.")
@click.option("--speed", default="max", show_default=True, metavar="max|original|×N", help="By the comments' times.")
@click.option("--shift-to-now", is_flag=True, help="Move times: the last comment (with --speed the first) is now.")
@click.option("--limit", type=WholeNumber(min=0), metavar="N", help="Only the file's first N rows.")
@click.option("--from-start", is_flag=True, help="Send again what was acknowledged in an earlier run.")
@click.option(
    "--rejected", "rejected_path", type=click.Path(path_type=Path, dir_okay=False), help="CSV of all refusals."
)
@click.option("--patience", type=float, default=300.0, show_default=True, help="Seconds to wait for an absent ingest.")
def replay(
    *,
    file: Path,
    form: Format | None,
    url: str,
    key_file: Path | None,
    maps: tuple[str, ...],
    constants: tuple[str, ...],
    time_zone: str,
    date_format: str | None,
    encoding: str,
    rate: float | None,
    speed: str,
    shift_to_now: bool,
    limit: int | None,
    from_start: bool,
    rejected_path: Path | None,
    patience: float,
) -> None:
    """Post the comments of FILE (CSV or NDJSON) to a running ingest, in order; go on where it last stopped."""
    began = time.monotonic()
    display: Display = BarDisplay() if sys.stderr.isatty() else PlainDisplay()
    try:
        rows = RowFile(file, form, encoding)
        plan = settle(rows.columns(), dict(map(parse_map, maps)), dict(map(parse_set, constants)), file)
        task = Task(
            file=rows,
            plan=plan,
            zone=_zone(time_zone),
            date_format=date_format,
            pace=parse_pace(rate, speed),
            shift_to_now=shift_to_now,
            limit=limit,
        )
        journal = Journal(data_folder() / "replay", digest=rows.digest, plan=plan, url=url, file=file.name)
        skip = 0 if from_start else journal.acknowledged()
        display.say(f"fields: {plan.describe()}")
        if skip:
            display.say(f"{counted(skip, 'row')} acknowledged in an earlier run (--from-start sends them again)")
        client = Client(url, read_key(key_file), patience=patience, notify=display.say)
        with client, RejectedFile(rejected_path, append=skip > 0) as rejected:
            run = Replay(task, post=client.post, journal=journal, display=display, rejected=rejected, clock=utc_now)
            totals = run.run(skip)
    except ReplayError as error:
        raise click.ClickException(str(error)) from error
    except LookupError as error:
        raise click.ClickException(f"--encoding {encoding}: there is no such encoding") from error
    except KeyboardInterrupt:
        click.echo("stopped; run it again to go on from here", err=True)
        raise SystemExit(INTERRUPTED) from None
    finally:
        display.close()
    seconds = time.monotonic() - began
    each_second = f"{totals.rows / max(seconds, 0.001):,.0f} rows/s"
    click.echo(f"{counted(totals.rows, 'row')}: {totals}; {seconds:.1f} s, {each_second}")
    if not skip and totals.rejected and totals.rejected == totals.rows:
        raise click.ClickException("not one row was taken; the lines above say why")


def read_key(given: Path | None) -> str:
    """The key to post with; raises ReplayError that names the places looked at."""
    if given is None and os.environ.get("OTKLIK_KEY"):
        return _checked(os.environ["OTKLIK_KEY"], "OTKLIK_KEY")
    path = given or Path(os.environ.get("OTKLIK_KEY_FILE") or data_folder() / "admin.key")
    try:
        return _checked(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"no key: cannot read {path}; give --key-file or set OTKLIK_KEY") from error


def _checked(text: str, where: str) -> str:
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise ReplayError(f"no key: {where} does not hold one line of plain letters")
    return key


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ReplayError(f"--time-zone {name}: there is no such time zone") from error
