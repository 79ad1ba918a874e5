"""What Telegram and MAX tell, through hook and poll, until it would be published: over a real database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import httpx
import pytest

from deploy.standins.delivery import Manner
from deploy.standins.max import MaxStandin
from deploy.standins.telegram import TelegramStandin
from deploy.standins.wire import Answer, Request, Served
from services.ingest.arrivals import Arrivals
from services.ingest.connectors.connector import Connector
from services.ingest.connectors.max import Max
from services.ingest.connectors.telegram import Telegram
from services.ingest.hooks import Hooks
from services.ingest.intake import Counts
from services.ingest.sources.source import Source
from services.ingest.store import MIGRATIONS, StoredCopies, StoredSeen
from services.ingest.submission import Entry, Submission
from shared.bus import Outgoing
from shared.db import Database, migrate
from shared.errors import OtklikError
from shared.events import CommentCreated, CommentDeleted, CommentEdited
from tests.fixtures.connecting import HOOK_SECRET, TOKEN, caller_of, source_of
from tests.fixtures.hooking import until
from tests.fixtures.sources import Known


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    migrate(sqlite_url, MIGRATIONS)
    database = Database.open(sqlite_url)
    yield database
    database.close()


class Service(Served):
    """Hooks over HTTP and arrivals behind them; keeps what would be published."""

    def __init__(self, database: Database, source: Source, connector: Connector) -> None:
        super().__init__()
        self.source, self.taken, self.buried = source, list[Entry](), list[Outgoing]()
        self.arrivals = Arrivals(
            submit=self._submit,
            seen=StoredSeen(database),
            copies=StoredCopies(database),
            echoes=self._echoes,
            bury=self._bury,
            author_key=b"of the tests",
        )
        connectors: Mapping[str, Connector] = {source.platform: connector}
        self._hooks = Hooks(sources=Known(source), connectors=connectors, arrivals=self.arrivals, heard=self)

    def heard(self, source: Source, events: int, *, lag: float | None = None) -> None:
        return None

    def forged(self, source: Source) -> None:
        return None

    async def _submit(self, entries: Sequence[Entry]) -> Counts:
        self.taken.extend(entries)
        return Counts(accepted=len(entries))

    async def _echoes(self, submission: Submission) -> bool:
        return False

    async def _bury(self, letter: Outgoing) -> None:
        self.buried.append(letter)

    async def answer(self, request: Request) -> Answer:
        """As `POST /hooks/<platform>/<source>`."""
        _, _, platform, source = request.path.split("/")
        try:
            answer = await self._hooks.answer(platform, source, request.headers, request.body)
        except OtklikError as error:
            return Answer(status=error.status)
        return Answer(status=answer.status, text=answer.body.decode())


async def test_telegram_by_hook(database: Database) -> None:
    """A nested comment finds its post, what is called twice is taken once, a stranger is refused."""
    async with TelegramStandin(token=TOKEN, retry_seconds=0.02) as telegram, caller_of() as caller:
        telegram.delivery.manner = Manner(times=2)
        source = source_of("telegram", f"telegram:{telegram.channel}", group=str(telegram.group))
        async with Service(database, source, Telegram(caller, address=telegram.address)) as service:
            url = f"{service.address}/hooks/telegram/town"
            told = {"url": url, "secret_token": HOOK_SECRET}
            async with httpx.AsyncClient() as client:
                for broken in (f"{service.address}/hooks/telegram/other", f"{service.address}/hooks/max/town", url):
                    assert (await client.post(broken, json={"update_id": 1})).status_code == 403
                await client.post(f"{telegram.address}/bot{telegram.token}/setWebhook", json=told)
            first = telegram.comment(telegram.publish("Открыт каток"), "До скольки?")
            telegram.comment(1, "И мне интересно", to=first)
            telegram.edit(first, "До скольки работает?")
            await until(lambda: telegram.delivery.idle)
    events = [entry.event for entry in service.taken]
    assert [(event.id, event.post) for event in events] == [
        (f"telegram:{telegram.group}:{number}", "1") for number in (first, first + 1, first)
    ]
    assert isinstance(events[1], CommentCreated)
    assert events[1].parent == f"telegram:{telegram.group}:{first}"
    assert isinstance(events[2], CommentEdited)
    assert service.buried == []


async def test_telegram_by_poll_after_a_crash(database: Database) -> None:
    """The cursor was not moved: everything comes again, and is known."""
    async with TelegramStandin(token=TOKEN) as telegram, caller_of() as caller:
        source = source_of("telegram", f"telegram:{telegram.channel}", group=str(telegram.group), way="poll")
        connector = Telegram(caller, address=telegram.address, hold=1)
        service = Service(database, source, connector)
        telegram.comment(telegram.publish("Открыт каток"), "До скольки?")
        for accepted in (1, 0):
            polled = await connector.poll(source, None)
            taken = await service.arrivals.take(source, polled.events, polled.payload)
            assert taken.accepted == accepted
        old = str(telegram.group)
        telegram.migrate(-1001000000009)
        polled = await connector.poll(source, polled.cursor)
        taken = await service.arrivals.take(source, polled.events, polled.payload)
        assert (taken.moved, old) == ("-1001000000009", source.group)


async def test_max_by_hook(database: Database) -> None:
    """Created, edited and removed, each once; a comment that cannot be used is kept, and MAX is not told."""
    async with MaxStandin(token=TOKEN, retry_seconds=0.02) as max_, caller_of() as caller:
        max_.delivery.manner = Manner(times=2)
        async with Service(
            database, source_of("max", f"max:{max_.chat}"), Max(caller, address=max_.address)
        ) as service:
            told = {"url": f"{service.address}/hooks/max/town", "secret": HOOK_SECRET}
            async with httpx.AsyncClient(headers={"Authorization": TOKEN}) as client:
                await client.post(f"{max_.address}/subscriptions", json=told)
            post = max_.publish("Открыт каток")
            comment = max_.comment(post, "До скольки?")
            max_.edit(comment, "До скольки работает?")
            max_.remove(comment)
            max_.tell({"update_type": "comment_created", "message": {"recipient": {"post_id": post}}})
            await until(lambda: max_.delivery.idle)
    events = [entry.event for entry in service.taken]
    assert [type(event) for event in events] == [CommentCreated, CommentEdited, CommentDeleted]
    assert {(event.id, event.post) for event in events} == {(f"max:{comment}", post)}
    assert len({letter.msg_id for letter in service.buried}) == 1
    assert {call.status for call in max_.delivery.tried} == {200}
