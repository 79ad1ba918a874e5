"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import psutil


def description() -> str:
    """Processor, cores, memory, kernel and Python, in one line."""
    model = platform.processor() or "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def fsyncs_per_second(directory: Path, seconds: float = 3.0) -> float:
    """How many 4 KiB appends the disk under `directory` makes durable in a second, one after another."""
    path = directory / "fsync.probe"
    block = os.urandom(4096)
    count = 0
    with path.open("wb", buffering=0) as file:
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            file.write(block)
            os.fsync(file.fileno())
            count += 1
    path.unlink()
    return count / elapsed
