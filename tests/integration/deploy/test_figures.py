"""The live table's figures, read from real parts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.figures import Figures, Gauges
from deploy.local.ports import BrokerPorts, Ports
from shared.bus import Bus, Outgoing
from shared.events import DeadLetter
from tests.fixtures.ports import free_port
from tests.fixtures.stack import Stack

LETTER = DeadLetter(
    service="classifier",
    reason="no_page",
    detail="words",
    stream="COMMENTS",
    sequence=1,
    consumer="classifier",
    subject="comments",
    deliveries=1,
    at=datetime(2026, 1, 1, tzinfo=UTC),
    payload=b"{}",
)


@pytest.fixture
def monitor() -> int:
    """The port of the broker's own figures."""
    return free_port()


async def test_dead_letters_of_earlier_runs_count_too(tmp_path: Path, monitor: int) -> None:
    stack = Stack(tmp_path, {"OTKLIK_NATS_MONITOR": f"127.0.0.1:{monitor}"})
    (tmp_path / "key").write_text("otk_x")
    broker = BrokerPorts(client=stack.ports["nats"], monitor=monitor)
    gauges = Gauges(Ports(ingest=1, classifier=1, routing=1, broker=broker, standins={}), tmp_path / "key")
    try:
        stack.start("nats")
        async with await Bus.connect(stack.nats_url, name="test") as bus:
            await bus.ensure()
            assert gauges.read(Figures(dead=9)).dead == 0
            await bus.publish([Outgoing(event=LETTER, msg_id=str(number)) for number in range(2)])
            assert gauges.read(Figures()).dead == 2
        # No process that counted them runs any more.
        stack.terminate("nats")
        assert gauges.read(Figures(dead=2)).dead == 2, "what does not answer keeps its figure"
        stack.start("nats")
        async with await Bus.connect(stack.nats_url, name="test") as bus:
            await bus.ensure()
            assert gauges.read(Figures()).dead == 2
    finally:
        stack.stop()
