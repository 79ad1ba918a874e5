"""MAX's connector against its stand-in, over real connections."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from deploy.standins.delivery import Manner
from deploy.standins.faults import Fault
from deploy.standins.max import MaxStandin
from services.ingest.connectors.calling import Caller
from services.ingest.connectors.failure import BadCredential, Gone, NotAllowed, NotSent, Refused, Unclear
from services.ingest.connectors.max import Max
from services.ingest.connectors.max.comments import COMMENT_UPDATES
from services.ingest.connectors.max.history import COMMENTS, POSTS
from services.ingest.connectors.received import Received
from services.ingest.sources.source import Secrets, Source
from tests.fixtures.connecting import HOOK_SECRET, TOKEN, action_of, caller_of, source_of
from tests.fixtures.hooking import Hook, until


@pytest.fixture
async def max_() -> AsyncIterator[MaxStandin]:
    async with MaxStandin(token=TOKEN, retry_seconds=0.02) as standin:
        yield standin


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with caller_of() as caller:
        yield caller


@pytest.fixture
def connector(max_: MaxStandin, caller: Caller) -> Max:
    return Max(caller, address=max_.address, hold=1)


def source_in(max_: MaxStandin, **changes: object) -> Source:
    """The source that reads the stand-in."""
    return source_of("max", f"max:{max_.chat}", **changes)


async def subscribed(max_: MaxStandin, url: str, secret: str = HOOK_SECRET) -> None:
    """The stand-in calls `url` from now on."""
    told = {"url": url, "secret": secret, "update_types": list(COMMENT_UPDATES)}
    async with httpx.AsyncClient(headers={"Authorization": max_.token}) as client:
        assert (await client.post(f"{max_.address}/subscriptions", json=told)).json() == {"success": True}


def told(events: list[Received]) -> list[tuple[str, str | None]]:
    """Kind and text of each comment event."""
    return [(it.submission.event, it.submission.text) for it in events if it.submission is not None]


async def test_a_hook_hears_everything_once_it_answers(max_: MaxStandin, connector: Max) -> None:
    """Twice each, with one key; a removal names its post."""
    max_.delivery.manner = Manner(times=2)
    async with Hook(connector, source_in(max_)) as hook:
        hook.away = 3
        await subscribed(max_, hook.url)
        post = max_.publish("Открыт каток")
        first = max_.comment(post, "До скольки?")
        max_.comment(post, "И мне интересно", to=first)
        max_.edit(first, "До скольки работает?")
        max_.remove(first)
        await until(lambda: max_.delivery.idle)
    assert [it.status for it in max_.delivery.tried] == [503] * 3 + [200] * 8
    assert told(hook.heard)[::2] == [
        ("created", "До скольки?"),
        ("created", "И мне интересно"),
        ("edited", "До скольки работает?"),
        ("deleted", None),
    ]
    assert {it.submission.post for it in hook.heard if it.submission} == {post}
    assert [it.submission.parent for it in hook.heard if it.submission][2] == first
    keys = [it.key for it in hook.heard]
    assert None not in keys
    assert len(keys) == 2 * len(set(keys))


async def test_a_wrong_secret_is_forged_and_sent_again(max_: MaxStandin, connector: Max) -> None:
    """Until it is set right."""
    async with Hook(connector, source_in(max_)) as hook:
        await subscribed(max_, hook.url, "another")
        max_.comment(max_.publish("Открыт каток"), "До скольки?")
        await until(lambda: hook.forged > 2)
        await subscribed(max_, hook.url)
        await until(lambda: max_.delivery.idle)
    assert hook.texts == ["До скольки?"]


async def test_polls_go_on_from_the_marker(max_: MaxStandin, connector: Max) -> None:
    """The same cursor brings the same again; with a subscription nothing is brought at all."""
    source = source_in(max_, way="poll")
    post = max_.publish("Открыт каток")
    max_.comment(post, "До скольки?")
    first = await connector.poll(source, None)
    assert told(list(first.events)) == [("created", "До скольки?")]
    max_.comment(post, "А дети?")
    second = await connector.poll(source, first.cursor)
    assert told(list((await connector.poll(source, first.cursor)).events)) == told(list(second.events))
    assert told(list(second.events)) == [("created", "А дети?")]
    quiet = await connector.poll(source, second.cursor)
    assert (told(list(quiet.events)), quiet.cursor) == ([], second.cursor)
    await subscribed(max_, "http://127.0.0.1:9/hooks/max/town")
    with pytest.raises(NotAllowed):
        await connector.poll(source, second.cursor)


async def test_a_backfill_finds_what_the_hook_never_told(max_: MaxStandin, connector: Max) -> None:
    """Under all posts of two weeks, page by page, though many were written in one millisecond."""
    now = int(time.time() * 1_000)
    old = max_.publish("Давно", at=now - 90 * 86_400_000)
    max_.comment(old, "старый", told=False)
    posts = [max_.publish(f"Пост {n}", at=now - n * 60_000) for n in range(POSTS + 3)]
    wanted = {max_.comment(post, f"Вопрос {n}", told=False) for n, post in enumerate(posts)}
    wanted |= {max_.comment(posts[0], f"Волна {n}", at=now - n // 7, told=False) for n in range(COMMENTS * 2 + 5)}
    source = source_in(max_)
    found: set[str] = set()
    cursor, steps = None, 0
    while (polled := await connector.backfill(source, cursor)) is not None:
        cursor, steps = polled.cursor, steps + 1
        found |= {it.submission.id for it in polled.events if it.submission}
        assert len(cursor) <= 4_096
        assert steps < 200
    assert found == wanted


async def test_a_reply_stands_under_the_comment_and_is_found_again(max_: MaxStandin, connector: Max) -> None:
    """Whatever became of the answer: done once, found once, never sent again; not done, surely not there."""
    source = source_in(max_)
    post = max_.publish("Открыт каток")
    comment = max_.comment(post, "До скольки?")
    action = action_of(source, "reply", f"max:{comment}", "До девяти.", post=post)
    done = await connector.act(source, action, "k")
    (reply,) = max_.replies_to(comment)
    assert done.comment == f"max:{reply.mid}"
    assert done.link is not None
    assert done.link.startswith(f"https://max.ru/c/{max_.chat}/")
    assert await connector.look(source, action, "k") == done
    # The same words once more, later: that reply is not this one.
    ordered = action.ordered_at + timedelta(hours=2)
    later = action_of(source, "reply", f"max:{comment}", "До девяти.", post=post, ordered_at=ordered)
    assert await connector.look(source, later, "k") is None

    lost = action_of(source, "reply", f"max:{comment}", "И  в воскресенье.\nТоже.", post=post)
    assert await connector.look(source, lost, "k") is None
    max_.faults.add("send", Fault(kind="drop"))
    with pytest.raises(Unclear):
        await connector.act(source, lost, "k")
    assert await connector.look(source, lost, "k") is None
    max_.faults.add("send", Fault(kind="lose"))
    with pytest.raises(Unclear):
        await connector.act(source, lost, "k")
    # Several in one millisecond, and never a page full of them: people do not write that fast.
    begun = int(time.time() * 1_000) + 1
    for n in range(COMMENTS + 20):
        max_.comment(post, f"Ещё {n}", at=begun + n // 5)
    found = await connector.look(source, lost, "k")
    assert found is not None
    assert found.comment == f"max:{max_.replies_to(comment)[1].mid}"
    assert len(max_.replies_to(comment)) == 2


async def test_a_deletion_is_looked_up(max_: MaxStandin, connector: Max) -> None:
    """Gone is done, there is not done; where the whole post is not to be seen, nobody can tell."""
    source = source_in(max_)
    post = max_.publish("Открыт каток")
    comment = max_.comment(post, "Реклама")
    action = action_of(source, "delete", f"max:{comment}", post=post)
    assert await connector.look(source, action, "k") is None
    max_.faults.add("delete", Fault(kind="lose"))
    with pytest.raises(Unclear):
        await connector.act(source, action, "k")
    assert comment not in max_.comments
    assert await connector.look(source, action, "k") is not None
    with pytest.raises(Gone):
        await connector.act(source, action, "k")
    there = action_of(source, "delete", f"max:{max_.comment(post, 'Реклама')}", post=post)
    max_.faults.add("delete", Fault(kind="refuse", status=400, json={"code": "proto.payload", "message": "x"}))
    with pytest.raises(Refused):
        await connector.act(source, there, "k")
    max_.posts.clear()
    for ask in (connector.look, connector.act):
        with pytest.raises(Unclear):
            await ask(source, action, "k")


async def test_refusals_over_the_wire(max_: MaxStandin, connector: Max) -> None:
    """Closed comments, `success: false` with 200, an unknown id, a missing right, a wrong token, no server."""
    source = source_in(max_)
    post = max_.publish("Открыт каток")
    comment = max_.comment(post, "До скольки?")
    action = action_of(source, "reply", f"max:{comment}", "До девяти.", post=post)
    max_.closed = True
    with pytest.raises(Unclear, match="closed"):
        await connector.act(source, action, "k")
    assert await connector.look(source, action, "k") is None
    max_.closed = False
    refused = {"success": False, "code": "comments.disabled", "message": "Disabled"}
    max_.faults.add("send", Fault(kind="refuse", status=200, json=refused))
    with pytest.raises(Refused):
        await connector.act(source, action, "k")
    with pytest.raises(Gone):
        unknown = action_of(source, "reply", "max:mid.0", "До девяти.", post=post)
        await connector.act(source, unknown, "k")
    max_.permissions.remove("write")
    with pytest.raises(NotAllowed):
        await connector.act(source, action, "k")
    wrong = source_in(max_, secrets=Secrets(bot_token="another"))  # no secret
    with pytest.raises(BadCredential):
        await connector.act(wrong, action, "k")
    assert max_.replies_to(comment) == []
    await max_.stop()
    with pytest.raises(NotSent):
        await connector.act(source, action, "k")
    with pytest.raises(NotSent):
        await connector.look(source, action, "k")


async def test_what_a_test_of_rights_finds(max_: MaxStandin, connector: Max) -> None:
    """What is missing is said with what to do; when all is there, nothing is."""
    source = source_in(max_)
    first = await connector.test(source)
    assert (first.reads, first.acts, first.name) == (False, ("reply", "delete"), "Stand-in")
    await subscribed(max_, "https://otklik.example/hooks/max/town")
    second = await connector.test(source)
    assert (second.reads, second.problems) == (True, ())
    max_.permissions = ["pin_message"]
    third = await connector.test(source)
    assert (third.reads, third.acts, len(third.problems)) == (False, (), 3)
    max_.permissions = ["write", "delete"]
    blind = await connector.test(source)
    assert (blind.reads, blind.acts, len(blind.problems)) == (False, (), 1)
    post = max_.publish("Открыт каток")
    action = action_of(source, "delete", f"max:{max_.comment(post, 'Реклама')}", post=post)
    with pytest.raises(NotAllowed):
        await connector.act(source, action, "k")
    stranger = source_of("max", "max:-5")
    assert not (await connector.test(stranger)).reads
    polling = await connector.test(source_in(max_, way="poll"))
    assert any("subscription" in problem for problem in polling.problems)
