"""What is wrong with a command is said before anything that takes seconds is imported."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from services.classifier.__main__ import main
from services.classifier.commands import PLACES
from tests.unit.classifier.conftest import ROOT

HEAVY = ("sklearn", "scipy", "litestar", "nats", "matplotlib")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--help", "Commands:"),
        ("predict none.csv", "none.csv: cannot be read"),
        ("predict --model nowhere -", "is this the folder of a model?"),
        ("explain none.csv", "none.csv: cannot be read"),
        ("explain", "either --text or a FILE"),
        ("explain --text a --model nowhere", "is this the folder of a model?"),
        ("label none.csv --language en", "in a terminal"),
        ("agreement none.jsonl none.jsonl", "none.jsonl: cannot be read"),
        ("evaluate none.csv", "none.csv: cannot be read"),
        ("evaluate --train none.csv", "none.csv: cannot be read"),
        ("evaluate --freeze none.csv", "--freeze takes no FILE"),
        ("evaluate --model nowhere", "is this the folder of a model?"),
    ],
)
def test_errors_do_not_wait(arguments: str, told: str) -> None:
    script = (
        "import sys; from services.classifier.__main__ import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: sys.stdout.write(repr([name for name in {HEAVY} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments.split()],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told in done.stdout + done.stderr
    assert done.stdout.endswith("[]"), done.stdout


@pytest.mark.parametrize("name", PLACES)
def test_every_command_stands_where_it_is_looked_for(name: str) -> None:
    assert isinstance(main, click.Group)
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
