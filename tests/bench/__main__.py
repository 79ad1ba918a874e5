"""`make bench`: the disk, the bare loop, the whole way, latency and memory, from one run on one broker; then two
thousand sources; then the classifier beside the baselines."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from tests.bench.bare import bare_loop
from tests.bench.load import latency, throughput
from tests.bench.machine import description, fsyncs_per_second
from tests.bench.texts import REAL, comment_texts
from tests.fixtures.stack import ROOT, Stack, running


def memory(stack: Stack, what: str) -> dict[str, float]:
    """MiB of each process with its children: `what` is VmHWM (the peak) or VmRSS."""
    found = {}
    for name, process in stack.processes.items():
        total = 0.0
        for member in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
            for line in Path(f"/proc/{member.pid}/status").read_text().splitlines():
                if line.startswith(what):
                    total += int(line.split()[1]) / 1024
        found[name] = total
    return found


def show(name: str, value: str) -> None:
    """One line of the report."""
    print(f"{name:<48}{value}", flush=True)


def main() -> None:
    """Runs all of it; about eleven minutes."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the whole-way run")
    parser.add_argument("--rate", type=int, default=300, help="comments a second of the latency run")
    parser.add_argument("--directory", type=Path, default=ROOT / ".data", help="a directory on the disk to measure")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    show("machine", description())
    show("comments", comment_texts()[1])
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="bench-") as place:
        root = Path(place)
        show("disk, 4 KiB appends with fsync, before", f"{fsyncs_per_second(root):,.0f}/s")
        with running(root) as stack:
            stack.run("services.routing", "import", str(ROOT / "deploy/sample/region"))
            show("memory idle, MiB", "  ".join(f"{name} {mib:.0f}" for name, mib in memory(stack, "VmRSS").items()))
            bare = asyncio.run(bare_loop(stack.nats_url))
            show("bare fetch, publish, acknowledge", f"{bare:,.0f}/s")
            quiet = latency(stack, options.rate, 20.0)
            show(
                f"latency at {options.rate}/s, 202 to committed, ms",
                f"p50 {quiet.p50:.1f}  p99 {quiet.p99:.1f}  max {quiet.highest:.1f}  ({quiet.count} comments, "
                f"{quiet.missing} missing, sender late by {quiet.late:.0f} at worst)",
            )
            whole = asyncio.run(throughput(stack, options.seconds))
            show("whole way, HTTP to committed", f"{whole.rate:,.0f}/s over {whole.seconds:.0f} s")
            show(
                "  of these in a queue as cases",
                f"{whole.cases:,} of {whole.committed:,}; refused requests {whole.refused}",
            )
            show("ratio whole way / bare loop", f"{whole.rate / bare:.2f}")
            show("memory peak, MiB", "  ".join(f"{name} {mib:.0f}" for name, mib in memory(stack, "VmHWM").items()))
        show("disk, 4 KiB appends with fsync, after", f"{fsyncs_per_second(root):,.0f}/s")
    subprocess.run(
        [sys.executable, "-m", "tests.bench.sources", "--directory", str(options.directory)], check=True, cwd=ROOT
    )
    # In a process of its own, with one thread for its arrays.
    command = [sys.executable, "-m", "tests.bench.classifier_speed", *([str(REAL)] if REAL.exists() else [])]
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
