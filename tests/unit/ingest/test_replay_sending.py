"""How replay sends: pace, the mark of how far it came, waiting, the run as a whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from math import inf, nan
from pathlib import Path, PurePath
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from services.ingest.reading import read_one
from services.ingest.replay.client import Answer, Client, RejectedRow
from services.ingest.replay.columns import Column, Plan, settle
from services.ingest.replay.command import DEFAULT_URL, ingest_url, read_key
from services.ingest.replay.fault import ReplayError
from services.ingest.replay.journal import Journal
from services.ingest.replay.pace import Pace, Schedule, Shift, parse_pace
from services.ingest.replay.report import RejectedFile, Totals
from services.ingest.replay.rows import RowFile
from services.ingest.replay.run import MAX_BATCH, Replay, Task
from services.ingest.submission import Submission

MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# Pace ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "speed", "pace"),
    [
        (None, "max", Pace()),
        (5.0, "max", Pace(rate=5.0)),
        (None, "original", Pace(factor=1.0)),
        (None, "×60", Pace(factor=60.0)),
        (None, "x0.5", Pace(factor=0.5)),
    ],
)
def test_paces(rate: float | None, speed: str, pace: Pace) -> None:
    assert parse_pace(rate, speed) == pace


@pytest.mark.parametrize(
    ("rate", "speed"),
    [(5.0, "original"), (0.0, "max"), (nan, "max"), (inf, "max"), (None, "fast"), (None, "×0"), (None, "xinf")],
)
def test_wrong_paces_are_explained(rate: float | None, speed: str) -> None:
    with pytest.raises(ReplayError, match="--"):
        parse_pace(rate, speed)


def test_due_times() -> None:
    def dues(pace: Pace, minutes: list[int | None]) -> list[float]:
        schedule = Schedule(pace)
        return [schedule.due(None if each is None else NOW + timedelta(minutes=each)) for each in minutes]

    assert dues(Pace(), [0, 5]) == [0, 0]
    assert dues(Pace(rate=4), [None, None, None]) == [0, 0.25, 0.5]
    assert dues(Pace(factor=60), [None, 0, 5, 3, None, 6]) == [0, 0, 5, 5, 5, 6]


def test_shifting_keeps_distances_or_shrinks_them() -> None:
    anchor = datetime(2017, 1, 1, tzinfo=UTC)
    earlier = anchor - timedelta(hours=2)
    assert Shift(anchor=anchor, now=NOW).apply(earlier) == NOW - timedelta(hours=2)
    assert Shift(anchor=anchor, now=NOW, factor=60).apply(earlier) == NOW - timedelta(minutes=2)


# The mark --------------------------------------------------------------------------------------------------------


def test_a_mark_belongs_to_one_content_plan_and_place(tmp_path: Path) -> None:
    plan = Plan(columns={"id": Column(name="id")}, constants={"page": "http:a"})

    def mark(digest: str = "d", plan: Plan = plan, url: str = "u") -> Journal:
        return Journal(tmp_path / "replay", digest=digest, plan=plan, url=url, file="a.csv")

    assert mark().acknowledged() == 0
    mark().note(7)
    assert mark().acknowledged() == 7
    other = Plan(columns=plan.columns, constants={"page": "http:b"})
    assert [mark("e").acknowledged(), mark(plan=other).acknowledged(), mark(url="v").acknowledged()] == [0, 0, 0]
    next((tmp_path / "replay").iterdir()).write_bytes(b"broken")
    assert mark().acknowledged() == 0


def test_two_replays_of_one_file_at_once_do_not_trip_over_each_other(tmp_path: Path) -> None:
    def note_often(first: int) -> None:
        journal = Journal(tmp_path / "replay", digest="d", plan=Plan(columns={}, constants={}), url="u", file="a.csv")
        for rows in range(first, first + 200):
            journal.note(rows)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(note_often, (1, 1_000)))
    assert [path.suffix for path in (tmp_path / "replay").iterdir()] == [".json"]


def test_a_mark_that_cannot_be_written_ends_the_replay_in_words(tmp_path: Path) -> None:
    write(tmp_path / "replay", b"a file where the folder should be")
    journal = Journal(tmp_path / "replay", digest="d", plan=Plan(columns={}, constants={}), url="u", file="a.csv")
    with pytest.raises(ReplayError, match="OTKLIK_DATA_DIR names another folder"):
        journal.note(1)


# The client ------------------------------------------------------------------------------------------------------


class Pauses:
    def __init__(self) -> None:
        self.slept: list[float] = []
        self.said: list[str] = []

    def client(self, answers: list[httpx.Response | Exception], patience: float = 100.0) -> Client:
        queue = list(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            assert request.headers["Authorization"] == "Bearer otk_k"
            first = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(first, Exception):
                raise first
            return first

        return Client(
            "http://ingest",
            "otk_k",
            patience=patience,
            notify=self.said.append,
            sleep=self.slept.append,
            transport=httpx.MockTransport(answer),
        )


RECEIPT = {"accepted": 1, "duplicates": 0, "rejected": [{"index": 1, "error": "text is empty"}]}


def test_the_client_waits_for_an_absent_ingest() -> None:
    pauses = Pauses()
    answers: list[httpx.Response | Exception] = [
        httpx.ConnectError("refused"),
        httpx.Response(503, json={"detail": "the message broker is away"}, headers={"Retry-After": "7"}),
        httpx.Response(202, json=RECEIPT | {"rejected_total": 5}),
    ]
    with pauses.client(answers) as client:
        answer = client.post([{"id": "1"}, {"id": "2"}])
    assert answer == Answer(accepted=1, duplicates=0, rejected=[RejectedRow(index=1, error="text is empty")])
    assert pauses.slept == [0.5, 7.0]
    assert pauses.said[0].endswith("trying again in 0.5 s (--url names another)")
    assert "the message broker is away" in pauses.said[1]
    assert "--url" not in pauses.said[1]


def test_the_clients_patience_has_an_end() -> None:
    pauses = Pauses()
    with pauses.client([httpx.ConnectError("refused")], patience=60.0) as client, pytest.raises(ReplayError) as caught:
        client.post([{}])
    assert sum(pauses.slept) == 60.0
    assert str(caught.value) == "http://ingest does not answer (ConnectError); waited 60 s"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_before_an_absent_ingest_is_waited_for_too(status: int) -> None:
    pauses = Pauses()
    with pauses.client([httpx.Response(status), httpx.Response(202, json=RECEIPT)]) as client:
        assert client.post([{}]).accepted == 1
    assert pauses.slept == [0.5]


@pytest.mark.parametrize("url", ["localhost:8001", "127.0.0.1", "ftp://ingest", "http://", "http://[::1"])
def test_what_is_no_address_is_refused_without_waiting(url: str) -> None:
    with pytest.raises(ReplayError, match="--url"):
        Client(url, "otk_k", patience=100.0, notify=print)


def test_another_service_is_not_taken_for_ingest() -> None:
    with (
        Pauses().client([httpx.Response(202, text="<html>")]) as client,
        pytest.raises(ReplayError, match="no receipt of ingest's"),
    ):
        client.post([{}])


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_the_client_gives_up_on_what_waiting_cannot_mend(status: int) -> None:
    pauses = Pauses()
    with pauses.client([httpx.Response(status, json={"detail": "no"})]) as client, pytest.raises(ReplayError) as caught:
        client.post([{}])
    assert str(caught.value) == f"http://ingest answered {status} no"
    assert pauses.slept == []


@pytest.mark.parametrize("key", ["ключ", "otk_a\notk_b", " "])
def test_a_key_that_is_none_is_named_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    file = write(tmp_path / "key", key.encode())
    with pytest.raises(ReplayError, match=f"{file} does not hold one line"):
        read_key(file)
    monkeypatch.setenv("OTKLIK_KEY", key)
    with pytest.raises(ReplayError, match="OTKLIK_KEY does not hold one line"):
        read_key(None)


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b'{"client": 1, "monitor": 2}', b'{"ingest": "9001"}'])
def test_without_ports_that_can_be_read_ingest_is_at_its_usual_address(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTKLIK_DATA_DIR", str(tmp_path))
    if content is not None:
        write(tmp_path / "ports.json", content)
    assert ingest_url() == DEFAULT_URL


# The run ---------------------------------------------------------------------------------------------------------


class Silence:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def advance(self, share: float, totals: Totals) -> None:
        assert 0 <= share <= 1

    def close(self) -> None:
        return


class Stage:
    """A replay over memory: `posted` is what ingest got, `now` its clock."""

    def __init__(self, folder: Path, content: str) -> None:
        self.file = RowFile(write(folder / "a.csv", content.encode()))
        self.plan = settle(self.file.columns(), {}, {}, PurePath("a.csv"))
        self.journal = Journal(folder / "replay", digest=self.file.digest, plan=self.plan, url="u", file="a.csv")
        self.posted: list[list[Submission]] = []
        self.times: list[float] = []
        self.now = 0.0
        self.fail_at: int | None = None
        self.display = Silence()
        self.rejected_path = folder / "rejected.csv"

    def post(self, batch: list[dict[str, object]]) -> Answer:
        if self.fail_at is not None and len(self.posted) >= self.fail_at:
            raise ReplayError("gone")
        items = [read_one(msgspec.json.encode(each)) for each in batch]
        good = [item for item in items if isinstance(item, Submission) and item.text]
        self.posted.append(good)
        self.times.append(self.now)
        rejected = [
            RejectedRow(index=place, error="text is empty")
            for place, item in enumerate(items)
            if not (isinstance(item, Submission) and item.text)
        ]
        return Answer(accepted=len(good), duplicates=0, rejected=rejected)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run(self, skip: int = 0, **options: object) -> Totals:
        task = Task(file=self.file, plan=self.plan, zone=MOSCOW, **options)  # type: ignore[arg-type]  # each test's own
        with RejectedFile(self.rejected_path, append=skip > 0) as rejected:
            return Replay(
                task,
                post=self.post,
                journal=self.journal,
                display=self.display,
                rejected=rejected,
                clock=lambda: NOW,
                monotonic=lambda: self.now,
                sleep=self.sleep,
            ).run(skip)


def table(rows: int) -> str:
    return "id,text\n" + "".join(f"{number},слово\n" for number in range(rows))


def test_a_run_sends_everything_in_order_in_bounded_batches(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table(2 * MAX_BATCH + 1))
    assert str(stage.run()) == f"{2 * MAX_BATCH + 1} accepted, 0 duplicates, 0 rejected"
    assert [len(batch) for batch in stage.posted] == [MAX_BATCH, MAX_BATCH, 1]
    assert [each.id for batch in stage.posted for each in batch] == [str(n) for n in range(2 * MAX_BATCH + 1)]
    assert stage.journal.acknowledged() == 2 * MAX_BATCH + 1


def test_a_run_that_broke_goes_on_where_it_was_acknowledged(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table(3 * MAX_BATCH))
    stage.fail_at = 2
    with pytest.raises(ReplayError, match="gone"):
        stage.run()
    assert stage.journal.acknowledged() == 2 * MAX_BATCH
    stage.fail_at = None
    assert stage.run(stage.journal.acknowledged()).accepted == MAX_BATCH
    assert [each.id for batch in stage.posted for each in batch] == [str(n) for n in range(3 * MAX_BATCH)]


def test_rejected_rows_are_named_by_line_without_their_text(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "id,text,date\n1,да,\n2,,\n3,тайна,никогда\n4,тайна\n5,да,\n")
    totals = stage.run()
    assert (totals.rows, totals.accepted, totals.rejected) == (5, 2, 3)
    assert stage.rejected_path.read_text(encoding="utf-8").splitlines() == [
        "line,reason",
        "4,posted_at: the time is in none of the known formats; name it with --date-format",
        "5,has 2 fields where the header has 3",
        "3,text is empty",
    ]
    assert "тайна" not in "".join(stage.display.said)
    assert stage.journal.acknowledged() == 5


def test_many_rejections_are_shown_in_part(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "id,text\n" + "1,\n" * 30)
    assert stage.run().rejected == 30
    assert len(stage.display.said) == 21
    assert "--rejected FILE" in stage.display.said[-1]


def test_a_limit_counts_from_the_files_beginning(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table(10))
    assert stage.run(limit=4).rows == 4
    assert stage.run(4, limit=4).rows == 0
    assert stage.run(4).rows == 6


def test_a_rate_is_kept(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table(100))
    stage.run(pace=Pace(rate=10))
    assert stage.now == pytest.approx(9.9, abs=0.2)
    assert max(len(batch) for batch in stage.posted) <= 2


def test_the_original_speed_with_times_moved_to_now(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "id,text,date\n" + "".join(f"{n},да,2020-01-01 10:0{n}\n" for n in range(3)))
    stage.run(pace=Pace(factor=60), shift_to_now=True)
    assert stage.times == [0, 1, 2]
    sent = [each.posted_at for batch in stage.posted for each in batch]
    assert sent == [NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)]


def test_the_last_comment_is_now_at_any_other_speed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "id,text,date\n1,да,2020-01-03\n2,да,\n3,да,2020-01-01\n")
    stage.run(shift_to_now=True)
    sent = [each.posted_at for batch in stage.posted for each in batch]
    assert sent == [NOW, None, NOW - timedelta(days=2)]
    with pytest.raises(ReplayError, match="no row has a time"):
        Stage(tmp_path, table(2)).run(shift_to_now=True)


def test_one_impossible_time_does_not_decide_for_all(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "id,text,date\n1,да,2020-01-03\n2,да,9999-12-31\n3,да,2020-01-01\n")
    assert stage.run(shift_to_now=True).rejected == 1
    assert [each.posted_at for batch in stage.posted for each in batch] == [NOW, NOW - timedelta(days=2)]


def test_a_time_stretched_out_of_the_calendar_is_rejected(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "id,text,date\n1,да,2020-01-01\n2,да,2021-01-01\n3,да,\n")
    totals = stage.run(pace=Pace(factor=1e-9), shift_to_now=True)
    assert (totals.accepted, totals.rejected) == (2, 1)
    assert "outside of the calendar" in stage.display.said[0]
