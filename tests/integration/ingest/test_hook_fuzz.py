"""Mutated payloads at the hooks of the real application; `python -m tests.bench.fuzz_hooks` calls with 100,000."""

from __future__ import annotations

from random import Random

from tests.bench.fuzz_hooks import fuzz


async def test_whatever_is_called_the_hooks_answer_as_they_promise(nats_url: str, sqlite_url: str) -> None:
    outcome = await fuzz(nats_url, sqlite_url, 600, Random(7))
    assert outcome.faults == {}, outcome.example
    assert outcome.refused <= {403, 413}
    assert {status for _, _, status in outcome.answers} >= {200, 403}
    assert (outcome.comments > 0, outcome.letters > 0) == (True, True)
