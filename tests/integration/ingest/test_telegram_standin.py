"""Telegram's connector against its stand-in, over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.standins.delivery import Manner
from deploy.standins.faults import Fault
from deploy.standins.telegram import TelegramStandin
from services.ingest.connectors.calling import Caller
from services.ingest.connectors.failure import BadCredential, Gone, NotAllowed, NotSent, PageMoved, Unclear
from services.ingest.connectors.telegram import Telegram
from services.ingest.sources.source import Secrets, Source
from tests.fixtures.connecting import HOOK_SECRET, action_of, caller_of, source_of
from tests.fixtures.hooking import Hook, until

KINDS = ["message", "edited_message"]


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandin]:
    async with TelegramStandin(retry_seconds=0.02) as standin:
        yield standin


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with caller_of() as caller:
        yield caller


@pytest.fixture
def connector(telegram: TelegramStandin, caller: Caller) -> Telegram:
    return Telegram(caller, address=telegram.address, hold=1)


def source_in(telegram: TelegramStandin, **changes: object) -> Source:
    """The source that reads the stand-in."""
    return source_of("telegram", f"telegram:{telegram.channel}", **({"group": str(telegram.group)} | changes))


async def subscribed(telegram: TelegramStandin, url: str, secret: str = HOOK_SECRET) -> None:
    """The stand-in calls `url` from now on."""
    async with httpx.AsyncClient(timeout=30) as client:
        told = {"url": url, "secret_token": secret, "allowed_updates": KINDS}
        answer = await client.post(f"{telegram.address}/bot{telegram.token}/setWebhook", json=told)
    assert answer.json() == {"ok": True, "result": True}


async def test_a_hook_hears_everything_once_it_answers(telegram: TelegramStandin, connector: Telegram) -> None:
    """While it is away Telegram waits; what is called twice has one key."""
    telegram.delivery.manner = Manner(times=2)
    async with Hook(connector, source_in(telegram)) as hook:
        hook.away = 3
        await subscribed(telegram, hook.url)
        post = telegram.publish("Открыт каток")
        first = telegram.comment(post, "До скольки?")
        telegram.comment(post, "И мне интересно", to=first, author=5003)
        telegram.comment(post, "До девяти", to=first, sender_chat=telegram.group)
        telegram.comment(post, "Реклама", sender_chat=-1007)
        telegram.speak("Всем привет")
        telegram.edit(first, "До скольки работает?")
        telegram.edit(first)
        await until(lambda: telegram.delivery.idle)
    assert [it.status for it in telegram.delivery.tried] == [503] * 3 + [200] * 16
    assert hook.texts[::2] == [
        "До скольки?", "И мне интересно", "До девяти", "Реклама", "До скольки работает?", "До скольки работает?",
    ]  # fmt: skip
    comments = [it for it in hook.heard if it.submission is not None][::2]
    kinds = [it.submission.author_kind for it in comments if it.submission]
    assert kinds == ["person", "person", "page", "community", "person", "person"]
    assert [it.submission.post for it in comments if it.submission] == ["1", None, None, "1", "1", "1"]
    assert {it.thread.copy for it in comments if it.thread} == {str(telegram.posts[post])}
    keys = [it.key for it in hook.heard if it.key]
    assert len(keys) == 2 * len(set(keys)) == 16
    assert [it.copy.post for it in hook.heard if it.copy][:2] == ["1", "1"]
    assert "not a comment" in [it.skipped for it in hook.heard]


async def test_a_wrong_secret_is_forged_and_sent_again(telegram: TelegramStandin, connector: Telegram) -> None:
    """Until it is set right: then nothing is missing."""
    async with Hook(connector, source_in(telegram)) as hook:
        await subscribed(telegram, hook.url, "another")
        telegram.comment(telegram.publish("Открыт каток"), "До скольки?")
        await until(lambda: hook.forged > 2)
        assert hook.heard == []
        await subscribed(telegram, hook.url)
        await until(lambda: telegram.delivery.idle)
    assert hook.texts == ["До скольки?"]


async def test_polls_bring_everything_though_numbers_begin_anew(telegram: TelegramStandin, connector: Telegram) -> None:
    """Lower than any before, after an idle week; nothing is confirmed that was not brought."""
    source = source_in(telegram, way="poll")
    post = telegram.publish("Открыт каток")
    cursor: bytes | None = None
    texts = []
    for turn in range(6):
        telegram.comment(post, f"Вопрос {turn}")
        brought = await connector.poll(source, cursor)
        texts += [it.submission.text for it in brought.events if it.submission]
        again = await connector.poll(source, cursor)
        assert again.events[-1].key == brought.events[-1].key
        cursor = brought.cursor
        if turn % 2:
            confirmed = await connector.poll(source, cursor)
            assert (confirmed.events, confirmed.cursor) == ((), b"")
            cursor = confirmed.cursor
            telegram.forget_numbers()
    assert texts == [f"Вопрос {turn}" for turn in range(6)]


async def test_polls_exclude_a_webhook_and_one_another(telegram: TelegramStandin, connector: Telegram) -> None:
    """A webhook is a person's to take away; another poll ends by itself."""
    source = source_in(telegram, way="poll")
    older = asyncio.create_task(connector.poll(source, None))
    await until(lambda: bool(telegram.calls))
    newer = asyncio.create_task(connector.poll(source, None))
    with pytest.raises(NotSent, match="409"):
        await older
    assert (await newer).events == ()
    await subscribed(telegram, "http://127.0.0.1:9/hooks/telegram/town")
    with pytest.raises(NotAllowed, match="webhook"):
        await connector.poll(source, None)
    rights = await connector.test(source)
    assert not rights.reads
    assert any("deleteWebhook" in problem for problem in rights.problems)


async def test_a_reply_stands_under_the_comment(telegram: TelegramStandin, connector: Telegram) -> None:
    """In the post's thread; what it became is told as an id of ours."""
    source = source_in(telegram)
    comment = telegram.comment(telegram.publish("Открыт каток"), "До скольки?")
    action = action_of(source, "reply", f"telegram:{telegram.group}:{comment}", "До девяти.", post="1")
    done = await connector.act(source, action, "k")
    (reply,) = telegram.replies_to(comment)
    assert (reply["text"], reply["message_thread_id"]) == ("До девяти.", telegram.posts[1])
    assert done.comment == f"telegram:{telegram.group}:{reply['message_id']}"
    assert done.link == f"https://t.me/c/1000000001/1?comment={reply['message_id']}"


async def test_a_deletion_needs_its_right(telegram: TelegramStandin, connector: Telegram) -> None:
    """And finds nothing the second time."""
    source = source_in(telegram)
    comment = telegram.comment(telegram.publish("Открыт каток"), "Реклама")
    action = action_of(source, "delete", f"telegram:{telegram.group}:{comment}")
    telegram.member["can_delete_messages"] = False
    with pytest.raises(NotAllowed):
        await connector.act(source, action, "k")
    assert (await connector.test(source)).acts == ("reply",)
    telegram.member["can_delete_messages"] = True
    await connector.act(source, action, "k")
    assert comment not in telegram.messages
    with pytest.raises(Gone):
        await connector.act(source, action, "k")
    with pytest.raises(Gone):
        reply = action_of(source, "reply", f"telegram:{telegram.group}:{comment}", "Да")
        await connector.act(source, reply, "k")


async def test_a_lost_answer_is_unclear_and_cannot_be_looked_up(telegram: TelegramStandin, connector: Telegram) -> None:
    """Whether the reply is there or not: nobody can tell, so nothing may be sent again."""
    source = source_in(telegram)
    post = telegram.publish("Открыт каток")
    for kind, there in (("lose", 1), ("drop", 0)):
        comment = telegram.comment(post, "До скольки?")
        telegram.faults.add("sendMessage", Fault(kind=kind))  # type: ignore[arg-type]  # both are kinds
        action = action_of(source, "reply", f"telegram:{telegram.group}:{comment}", "До девяти.")
        with pytest.raises(Unclear):
            await connector.act(source, action, "k")
        with pytest.raises(Unclear):
            await connector.look(source, action, "k")
        assert len(telegram.replies_to(comment)) == there


async def test_refusals_over_the_wire(telegram: TelegramStandin, connector: Telegram) -> None:
    """A rate limit, a move, a revoked token, a server that is not there."""
    source = source_in(telegram)
    comment = telegram.comment(telegram.publish("Открыт каток"), "До скольки?")
    action = action_of(source, "reply", f"telegram:{telegram.group}:{comment}", "До девяти.")
    told = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}}
    telegram.faults.add("sendMessage", Fault(kind="refuse", status=429, json=told))
    with pytest.raises(NotSent) as limited:
        await connector.act(source, action, "k")
    assert limited.value.retry_after == 3
    revoked = source_in(telegram, secrets=Secrets(bot_token="700:revoked"))  # no secret
    with pytest.raises(BadCredential):
        await connector.act(revoked, action, "k")
    telegram.migrate(-1001000000009)
    with pytest.raises(PageMoved) as moved:
        await connector.act(source, action, "k")
    assert moved.value.group == "-1001000000009"
    assert telegram.replies_to(comment) == []
    await telegram.stop()
    with pytest.raises(NotSent, match="not reached"):
        await connector.act(source, action, "k")


async def test_a_move_is_heard(telegram: TelegramStandin, connector: Telegram) -> None:
    """From the old group and from the new one."""
    old = str(telegram.group)
    telegram.migrate(-1001000000009)
    polled = await connector.poll(source_in(telegram, group=old, way="poll"), None)
    assert [it.moved for it in polled.events] == [(old, "-1001000000009")] * 2


async def test_what_a_test_of_rights_finds(telegram: TelegramStandin, connector: Telegram) -> None:
    """What is missing is said with what to do; when all is there, nothing is."""
    source = source_in(telegram, group=None)
    first = await connector.test(source)
    assert (first.reads, first.acts, first.group, first.name) == (
        False, ("reply", "delete"), str(telegram.group), "Stand-in",
    )  # fmt: skip
    assert any("setWebhook" in problem for problem in first.problems)
    await subscribed(telegram, "https://otklik.example/hooks/telegram/town")
    second = await connector.test(source)
    assert (second.reads, second.problems) == (True, ())
    telegram.in_channel = False
    third = await connector.test(source_in(telegram))
    assert (third.reads, third.problems, third.group) == (True, (), str(telegram.group))
    assert not (await connector.test(source)).reads
    telegram.in_channel = True
    telegram.member = {"status": "member"}
    assert not (await connector.test(source)).reads
    telegram.member = {"status": "left"}
    gone = await connector.test(source)
    assert (gone.reads, gone.acts) == (False, ())
