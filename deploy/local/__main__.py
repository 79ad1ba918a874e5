"""`python -m deploy.local`, which is `make run`: everything on this machine until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType

import click
import msgspec
from rich.console import Console
from rich.live import Live

from deploy.local import screen
from deploy.local.directory import Directory, RunError
from deploy.local.figures import Figures, Gauges
from deploy.local.instance import Instance, await_predecessor
from deploy.local.ports import choose
from deploy.local.supervision import ROOT
from deploy.standins.region import NAMES, Platform
from shared.numbers import Number

SAMPLE = ROOT / "deploy/sample/comments.ndjson"
TABLE_EVERY_S, LINE_EVERY_S = 1.0, 5.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    data_dir: Path
    replay: Path
    rate: float
    stream: bool
    standins: bool
    seconds: float | None


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="OTKLIK_DATA_DIR",
    default=ROOT / ".data",
    help="Where everything is kept (default .data).",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=SAMPLE,
    help="A file of comments to send instead of the sample's.",
)
@click.option("--rate", type=Number(min=0.1), default=20.0, show_default=True, help="Comments a second.")
@click.option("--stream/--no-stream", default=True, show_default=True, help="Send comments at all.")
@click.option(
    "--standins/--no-standins",
    default=True,
    show_default=True,
    help="Run test doubles of VK, Telegram, MAX and Odnoklassniki to write comments on.",
)
@click.option(
    "--for",
    "seconds",
    type=Number(min=0),
    envvar="OTKLIK_RUN_SECONDS",
    help="Stop by itself that many seconds after everything is up.",
)
def main(*, data_dir: Path, replay: Path, rate: float, stream: bool, standins: bool, seconds: float | None) -> None:
    """Runs the broker, the three services and stand-in platforms on this machine, loads the sample region and shows
    what happens.

    Everything is kept in the data directory, and a second start goes on where this one ended. Ports:
    OTKLIK_INGEST_PORT, OTKLIK_CLASSIFIER_PORT, OTKLIK_ROUTING_PORT, OTKLIK_NATS_PORT, and of the stand-ins
    OTKLIK_STANDIN_VK_PORT, OTKLIK_STANDIN_TELEGRAM_PORT, OTKLIK_STANDIN_MAX_PORT, OTKLIK_STANDIN_OK_PORT. A platform
    whose address is set, as in OTKLIK_VK_URL, has no stand-in.
    """
    console = Console(highlight=False)
    options = Options(
        data_dir=data_dir, replay=replay.resolve(), rate=rate, stream=stream, standins=standins, seconds=seconds
    )
    try:
        status = run(options, console)
    except RunError as error:
        click.echo(f"error: {error}", err=True)
        status = 1
    sys.exit(status)


def run(options: Options, console: Console) -> int:
    """Starts, shows, stops; returns the exit status. Raises RunError when it cannot start."""
    os.umask(0o077)  # comments and keys are this user's alone
    directory = Directory(options.data_dir)
    directory.make()
    with directory.alone(), interruptible() as shielded:
        try:
            await_predecessor(directory, console.print)
            instance = Instance(
                directory, choose(os.environ, directory.ports, doubled(options, os.environ)), os.environ
            )
        except KeyboardInterrupt:
            return 0
        try:
            console.print("Starting the broker and the services …")
            instance.start(lambda line: console.print(line, markup=False, soft_wrap=True))
            if instance.import_region():
                console.print("The sample region is loaded.")
            others = instance.connect_standins()
            if options.stream:
                instance.stream(replay_arguments(options, instance))
            told = addresses(instance) + (invitation(instance, others) if instance.ports.standins else "")
            console.print(told, markup=False, soft_wrap=True)
            return show(instance, options, console)
        except KeyboardInterrupt:
            return 0
        finally:
            with shielded():
                try:
                    console.print("Stopping: the services finish what they began …")
                finally:  # the terminal may be gone
                    instance.stop()
                console.print("Stopped. `make run` goes on from here.")


@contextmanager
def interruptible() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Makes SIGTERM and SIGHUP end this process as Ctrl-C does, and yields a context in which none of them does."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    @contextmanager
    def shielded() -> Iterator[None]:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        yield

    for number in numbers:
        signal.signal(number, interrupt)
    yield shielded


def replay_arguments(options: Options, instance: Instance) -> list[str]:
    """What ingest's `replay` is told."""
    key = str(instance.directory.admin_key)
    pace = ["--rate", f"{options.rate:g}", "--shift-to-now"]
    return [str(options.replay), *pace, "--url", instance.ports.url("ingest"), "--key-file", key]


def addresses(instance: Instance) -> str:
    """Where to look, and the key that opens it."""
    ports = instance.ports
    return (
        f"\n  routing     {ports.url('routing')}   API: {ports.url('routing')}/docs"
        f"\n  ingest      {ports.url('ingest')}   API: {ports.url('ingest')}/docs"
        f"\n  classifier  {ports.url('classifier')}   API: {ports.url('classifier')}/docs"
        f"\n  admin key   {instance.directory.admin_key}"
        f"\n  logs        {instance.directory.log}\n"
    )


def doubled(options: Options, environ: Mapping[str, str]) -> list[Platform]:
    """The platforms that get a stand-in."""
    return [it for it in NAMES if options.standins and not environ.get(f"OTKLIK_{it.upper()}_URL")]


def invitation(instance: Instance, others: Sequence[str]) -> str:
    """Where to write as a citizen, and how to answer."""
    ports, key = instance.ports, instance.directory.admin_key
    pages = "".join(f"\n    {NAMES[platform]:<15} {ports.page(platform)}/?lang=en" for platform in ports.standins)
    api = f"{ports.url('routing')}/v1"
    told = (
        f"\n  Write as a citizen (test doubles, no real platforms):{pages}"
        "\n  Answer as an institution (the page shows each comment's id; docs/standins.md tells more):"
        f'\n    A="Authorization: Bearer $(cat {shlex.quote(str(key))})"; J="Content-Type: application/json"'
        f'\n    curl -s -H "$A" {api}/comments/<id>        # its case_id'
        f'\n    curl -s -H "$A" -H "$J" {api}/cases/<case_id>/accept -d {{}}'
        f'\n    curl -s -H "$A" -H "$J" {api}/cases/<case_id>/answer -d '
        '\'{"text": "Починим завтра.", "outcome": "planned"}\'\n'
    )
    if others:
        told += (
            f"\n  Other sources ({len(others)}) are read from the stand-ins too, not from the real platforms: "
            "`make run STANDINS=no` changes that (--no-standins without make).\n"
        )
    return told


def stream_state(instance: Instance, options: Options) -> str:
    """How the sending of comments stands, in words."""
    if not options.stream:
        return "no comments are being sent"
    status = instance.stream_status
    if status is None:
        return f"sending {options.replay.name}, {options.rate:g} a second"
    return f"{options.replay.name} is sent" if status == 0 else f"sending failed: {instance.directory.log}/replay.log"


def show(instance: Instance, options: Options, console: Console) -> int:
    """Shows the figures until the time is up (0) or the supervisor is gone (1)."""
    gauges = Gauges(instance.ports, instance.directory.admin_key)
    end = None if options.seconds is None else time.monotonic() + options.seconds
    every = TABLE_EVERY_S if console.is_terminal else LINE_EVERY_S
    figures, told = Figures(), ""
    with Live(console=console, auto_refresh=False) if console.is_terminal else _nothing() as live:
        while instance.alive:
            figures = gauges.read(figures)
            stand = (figures, instance.conditions(), stream_state(instance, options))
            if live is not None:
                live.update(screen.table(*stand), refresh=True)
            elif (text := screen.line(*stand)) != told:
                console.print(told := text, soft_wrap=True, markup=False)
            left = every if end is None else min(every, end - time.monotonic())
            if left <= 0:
                return 0
            time.sleep(left)
    raise RunError(f"the process supervisor ended by itself; see {instance.directory.log / 'supervisor.log'}")


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


if __name__ == "__main__":
    main(prog_name="python -m deploy.local")
