"""How many comments one core judges in a second: `python -m tests.bench.classifier_speed FILE.csv [--batch 256]`.

Prints CPU time, so that other work on the machine does not count; the file needs a column `text`.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from services.classifier.model import Model
from services.classifier.text import clean_batch

ROUNDS = 3
SMALL = (1, 8, 32)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--batch", default=256, show_default=True, type=click.IntRange(1, 10_000))
def main(file: Path, batch: int) -> None:
    """Measures cleaning, features, the tag head alone, and whole judgements, over every comment of FILE."""
    csv.field_size_limit(16 * 1024 * 1024)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)]
    model = Model.load()
    click.echo(f"{len(texts)} comments, {sum(map(len, texts)) / len(texts):.0f} characters each, model {model.version}")
    steps: list[tuple[str, Callable[[Sequence[str]], object], int]] = [
        ("cleaning", clean_batch, batch),
        ("cleaning, features", model.features.batch, batch),
        ("cleaning, features, tag head", model.tag_scores, batch),
        ("whole judgement", model.judge, batch),
        *(("whole judgement", model.judge, size) for size in SMALL),
    ]
    for name, step, size in steps:
        chosen = texts if size >= 32 else texts[: 2_000 * size // 8 + 500]
        seconds = _seconds(step, [chosen[start : start + size] for start in range(0, len(chosen), size)])
        click.echo(f"{name:32s} batches of {size:4d}: {len(chosen) / seconds:9,.0f} comments/s")


def _seconds(step: Callable[[Sequence[str]], object], batches: Sequence[Sequence[str]]) -> float:
    """CPU seconds of the fastest round."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for part in batches:
            step(part)
        rounds.append(time.process_time() - started)
    return min(rounds)


if __name__ == "__main__":
    main()
