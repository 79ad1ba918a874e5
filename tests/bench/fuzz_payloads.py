"""`python -m tests.bench.fuzz_payloads`: mutated payloads through every decoder, and on to the event.

No exception but NotThisPlatform is allowed, and memory must stay where it was: the command ends with 1 otherwise.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec

from services.ingest.connectors.connector import Decoder
from services.ingest.connectors.received import MAX_REASON, NotThisPlatform, Received
from services.ingest.submission import Entry, held, to_entry, to_entry_read_back
from shared.events import encode
from tests.fixtures.recordings import PAGES, mutated, seeds

FIRST_SHARE = 0.1
"""Of the payloads, after which memory is looked at for the first time: caches are full by then."""
MAX_GROWTH = 16.0
"""MiB from the first look to the last."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Outcome(msgspec.Struct, kw_only=True):
    """What came of one platform's payloads."""

    payloads: int = 0
    comments: int = 0
    unusable: int = 0
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    strangers: int = 0
    """NotThisPlatform."""
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    example: dict[str, bytes] = msgspec.field(default_factory=dict)
    """One payload for each fault."""
    seconds: float = 0.0


def check(events: Iterable[Received]) -> tuple[int, int, list[str]]:
    """Numbers of usable and unusable comments, and the reasons of skips; raises AssertionError for what no connector
    may return."""
    good = bad = 0
    reasons: list[str] = []
    events = list(events)
    assert events, "nothing was returned"
    for event in events:
        told = (event.submission, event.copy, event.moved, event.skipped)
        assert sum(it is not None for it in told) == 1, "an event is not exactly one thing"
        if event.key is not None:
            event.key.encode()
        if event.skipped is not None:
            assert 0 < len(event.skipped) <= MAX_REASON, "a reason has no words, or too many"
            assert event.skipped.isprintable(), "a reason cannot be printed"
            reasons.append(event.skipped)
        if event.submission is None:
            continue
        checked = held(event.submission)
        if not isinstance(checked, type(event.submission)):
            bad += 1
            continue
        make = to_entry_read_back if event.read_back else to_entry
        made = make(checked, author_key=b"of the fuzzer", received_at=NOW, trace="")
        if isinstance(made, Entry):
            encode(made.event)
            good += 1
        elif made.error.startswith("text is empty"):
            reasons.append("empty comment")
        else:
            bad += 1
    return good, bad, reasons


def fuzz(
    platform: str, decode: Decoder, count: int, random: Random, *, look: Callable[[int], None] | None = None
) -> Outcome:
    """Runs `count` mutated payloads of `platform` through its decoder; `look` is called with each number."""
    outcome = Outcome()
    payloads = seeds(platform)
    for number in range(count):
        payload = mutated(random.choice(payloads), random)
        page = PAGES[platform] if random.random() < 0.8 else None
        begun = time.perf_counter()
        try:
            good, bad, reasons = check(decode(payload, page))
        except NotThisPlatform as error:
            outcome.strangers += 1
            if "\n" in str(error) or len(str(error)) > MAX_REASON:
                outcome.faults["NotThisPlatform with more than one short line"] += 1
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            name = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {str(error)[:80]}"
            outcome.faults[name] += 1
            outcome.example.setdefault(name, payload)
        else:
            outcome.comments += good
            outcome.unusable += bad
            outcome.skipped.update(reasons)
        outcome.seconds += time.perf_counter() - begun
        outcome.payloads += 1
        if look is not None:
            look(number)
    return outcome


def resident() -> float:
    """MiB of memory that this process holds."""
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1_024
    return 0.0


def main() -> int:
    """Prints a line for each platform; 1 where anything went wrong."""
    from services.ingest.connectors.platforms import DECODERS

    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz_payloads", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="payloads, shared out among the platforms")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--platform", choices=sorted(DECODERS), action="append", help="only this one")
    options = parser.parse_args()
    random = Random(options.seed)
    wrong = False
    platforms = options.platform or sorted(DECODERS)
    for platform in platforms:
        count = max(1, options.count // len(platforms))
        looks: list[float] = []

        def look(number: int, at: int = int(count * FIRST_SHARE), looks: list[float] = looks) -> None:
            if number == at:
                looks.append(resident())

        outcome = fuzz(platform, DECODERS[platform], count, random, look=look)
        looks.append(resident())
        grown = looks[-1] - looks[0]
        wrong = wrong or bool(outcome.faults) or grown > MAX_GROWTH
        print(
            f"{platform:<9}{outcome.payloads:>8,} payloads  {outcome.comments:>7,} comments  "
            f"{outcome.unusable:>6,} unusable  {outcome.skipped.total():>7,} skipped ({len(outcome.skipped)} reasons)  "
            f"{outcome.strangers:>6,} strangers  {outcome.faults.total():>5,} faults  "
            f"{1e6 * outcome.seconds / outcome.payloads:>6,.0f} µs each  memory {looks[0]:.1f} → {looks[-1]:.1f} MiB"
        )
        for name, times in outcome.faults.most_common(20):
            print(f"    {times:>6,} × {name}")
            print(f"           {outcome.example.get(name, b'')[:200]!r}")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
