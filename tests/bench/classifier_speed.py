"""How many comments one core judges in a second, beside fastText and scikit-learn's own pipeline.

`python -m tests.bench.classifier_speed [FILE.csv] [--batch 256]`: the file needs a column `text`; without one the
corpus is read. Prints CPU time, so that other work on the machine counts little; still, only the ratios of one run
mean much.
"""

from __future__ import annotations

import os

# Read when NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import csv
import gc
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from services.classifier.model import Model
from services.classifier.text import clean_batch
from services.classifier.training.evaluation import baselines
from services.classifier.training.rows import distinct, read_corpus

ROUNDS = 5
SMALL = (1, 8, 32)
SLOW = 4_000
"""Comments that the slow ones are measured on."""

Step = Callable[[Sequence[str]], object]

_LOADED = """
import time
import numpy, scipy.sparse, sklearn.base, msgspec, services.classifier.features
def resident():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
before, started = resident(), time.process_time()
from services.classifier.model import Model
model = Model.load()
loaded, seconds = resident(), time.process_time() - started
model.judge(["Когда починят лифт?"] * 256)
print(seconds, before, loaded - before, resident() - before)
"""


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--batch", default=256, show_default=True, type=click.IntRange(1, 10_000))
def main(file: Path | None, batch: int) -> None:
    """Measures each part of a judgement, the baselines, and what loading the model takes."""
    report(_texts(file), batch)


def report(texts: Sequence[str], batch: int = 256) -> None:
    """Prints all of it, for `texts`."""
    model = Model.load()
    size = sum(map(len, texts)) / len(texts)
    click.echo(f"{len(texts):,} comments, {size:.0f} characters each, model {model.version}, CPU time, one core")
    rows = [row for row in distinct(row for source in read_corpus() for row in source.rows) if row.tag is not None]
    tags = [row.tag for row in rows if row.tag is not None]
    steps: dict[str, tuple[Step, Sequence[str]]] = {
        "cleaning": (clean_batch, texts),
        "cleaning, features": (model.features.batch, texts),
        "cleaning, features, tag head": (model.tag_scores, texts),
        "all heads (whole judgement)": (model.judge, texts),
    }
    if baselines.has_fasttext():
        fast = baselines.train_fasttext([row.text for row in rows], tags)
        steps["fastText with subwords"] = (lambda part: fast.predict([baselines.line(text) for text in part]), texts)
    else:
        click.echo(baselines.FASTTEXT_MISSING)
    pipeline = baselines.tfidf_pipeline().fit([row.text for row in rows], tags)
    steps["scikit-learn, TF-IDF + LR"] = (pipeline.predict, texts[:SLOW])
    gc.freeze()  # as the service does
    rates = _rates(steps, batch)
    for name, rate in rates.items():
        click.echo(f"{name:32s} batches of {batch:4d}: {rate:9,.0f} comments/s")
    for small in SMALL:
        rate = _rates({"": (model.judge, texts[: 2_000 * small // 8 + 500])}, small)[""]
        click.echo(f"{'all heads (whole judgement)':32s} batches of {small:4d}: {rate:9,.0f} comments/s")
    ours = rates["cleaning, features, tag head"]
    for name in ("fastText with subwords", "scikit-learn, TF-IDF + LR"):
        if name in rates:
            click.echo(f"tag head with cleaning / {name}: {ours / rates[name]:.2f}")
    _loading()


def _rates(steps: dict[str, tuple[Step, Sequence[str]]], batch: int) -> dict[str, float]:
    """Comments a second in the fastest of ROUNDS; all take turns, so that a busy moment strikes none alone."""
    best = dict.fromkeys(steps, 0.0)
    for _ in range(ROUNDS):
        for name, (step, texts) in steps.items():
            batches = [texts[start : start + batch] for start in range(0, len(texts), batch)]
            started = time.process_time()
            for part in batches:
                step(part)
            best[name] = max(best[name], len(texts) / (time.process_time() - started))
    return best


def _loading() -> None:
    """In a process of its own: the libraries are there before."""
    if not Path("/proc/self/status").exists():
        click.echo("load time and memory: measured on Linux alone")
        return
    command = [sys.executable, "-c", _LOADED]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]).stdout
    seconds, before, loaded, used = map(float, output.split())
    click.echo(f"loading the fast reader: {seconds:.2f} s of CPU time")
    click.echo(f"memory above interpreter and libraries ({before:.0f} MiB): {loaded:.0f} MiB loaded, {used:.0f} in use")


def _texts(file: Path | None) -> list[str]:
    if file is None:
        click.echo("no file was named: the corpus is read")
        return [row.text for source in read_corpus() for row in source.rows]
    csv.field_size_limit(16 * 1024 * 1024)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return [row["text"] for row in csv.DictReader(lines)]


if __name__ == "__main__":
    main()
