"""Every recorded payload becomes events or a named skip; what the comments say is compared with the recording itself.

The expectations are read out of the recordings by other means than the decoders': nothing recorded stands here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from services.ingest.connectors.platforms import DECODERS
from services.ingest.connectors.received import Received
from services.ingest.submission import Submission
from tests.bench.fuzz_payloads import check
from tests.fixtures.recordings import ABSENT, FOLDER, PAGES, recorded
from tests.fixtures.recordings_table import Tell

FILES = [(platform, path) for platform in sorted(PAGES) for path in recorded(platform)]
AT_LEAST = {"vk": 37, "telegram": 8, "max": 39, "ok": 6}

COMMENTS: dict[str, str] = {
    "max/gosdk_webhook_comment_created": "created",
    "max/real_comment_created_2026-09": "created",
    "ok/real_discussion_comment_reply": "created",
    "telegram/fixture_nested_reply_in_thread": "created",
    "vk/fixture_wall_reply_new_v5199_secret": "created",
    "vk/real_board_post_new_object": "created",
    "vk/real_newsfeed_reply_2021": "created",
    "vk/real_wall_getcomments_thread_2023": "created created created created",
    "vk/vknet_api_wall_getcomments802": "created deleted created",
    "vk/vknet_longpoll_board_post_delete": "deleted",
    "vk/vknet_longpoll_board_post_edit": "edited",
    "vk/vknet_longpoll_board_post_new_first": "created",
    "vk/vknet_longpoll_board_post_restore": "restored",
    "vk/vknet_longpoll_market_comment_new": "created",
    "vk/vknet_longpoll_market_comment_restore": "restored",
    "vk/vknet_longpoll_photo_comment_delete": "deleted",
    "vk/vknet_longpoll_photo_comment_new": "created",
    "vk/vknet_longpoll_video_comment_delete": "deleted",
    "vk/vknet_longpoll_video_comment_restore": "restored",
    "vk/vknet_longpoll_wall_reply_delete": "deleted",
    "vk/vknet_longpoll_wall_reply_edit": "edited",
    "vk/vknet_longpoll_wall_reply_new": "created",
    "vk/vknet_longpoll_wall_reply_restore": "restored",
    "vk/vkwave_photo_comment_delete": "deleted",
}
"""What the files that hold comments become, in order; all others are skipped by name."""

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason=ABSENT)


def file_id(value: object) -> str:
    return value.stem if isinstance(value, Path) else str(value)


def decoded(platform: str, path: Path) -> list[Received]:
    if platform not in DECODERS:
        pytest.skip(f"nobody decodes {platform} here")
    return DECODERS[platform](path.read_bytes(), PAGES[platform])


def test_the_recordings_are_all_at_hand() -> None:
    assert all(len(recorded(platform)) >= number for platform, number in AT_LEAST.items())


@pytest.mark.parametrize(("platform", "path"), FILES, ids=file_id)
def test_each_becomes_what_it_is(platform: str, path: Path, table: Tell) -> None:
    events = decoded(platform, path)
    check(events)
    for event in events:
        table(platform, path.name, _became(event))
    told = " ".join(event.submission.event for event in events if event.submission is not None)
    assert told == COMMENTS.get(f"{platform}/{path.stem}", "")


@pytest.mark.parametrize(("platform", "path"), [it for it in FILES if f"{it[0]}/{it[1].stem}" in COMMENTS], ids=file_id)
def test_comments_say_what_the_recording_says(platform: str, path: Path) -> None:
    raw = json.loads(path.read_bytes())
    events = [event.submission for event in decoded(platform, path) if event.submission is not None]
    expected = list(ORACLES[platform](raw))
    assert len(events) == len(expected)
    for event, facts in zip(
        sorted(events, key=lambda it: it.id), sorted(expected, key=lambda it: it["id"]), strict=True
    ):
        said = {name: getattr(event, name) for name in facts if name != "text"}
        assert said == {name: value for name, value in facts.items() if name != "text"}
        _same_text(event, facts.get("text"))


def _same_text(event: Submission, text: str | None) -> None:
    if text is None:
        assert not event.text
    elif "[id" in text or "[club" in text:
        # Mentions are resolved: nothing of the markup is left, and every other word is there.
        assert event.text
        assert "[id" not in event.text
        assert text.rpartition("]")[2] in event.text
    else:
        assert event.text == text


def _became(event: Received) -> str:
    told = event.submission
    if told is None:
        return f"skipped: {event.skipped}" if event.skipped else "a copy or a move"
    at = told.posted_at.astimezone(UTC).isoformat(timespec="seconds") if told.posted_at else "no time"
    return (
        f"{told.event} {told.id} under {told.post or '(looked up)'} of {told.page}, parent {told.parent or '-'}, "
        f"{told.author_kind}{'' if told.author else ' unnamed'}, {at}, {len(told.text or '')} characters"
    )


# Expectations.


def _vk(raw: Any) -> Iterator[dict[str, Any]]:
    kind, found, page = raw.get("type", ""), raw.get("object", raw), PAGES["vk"]
    if "group_id" in raw:
        page = f"vk:-{raw['group_id']}"
    if "response" in raw or "items" in found:
        yield from _vk_answer(raw.get("response", found))
        return
    found = found.get("object", found)
    owner = found.get("owner_id") or next((found[key] for key in found if key.endswith("_owner_id")), None)
    for name, key, post in (
        ("board", "topic_id", "topic"), ("market", "item_id", "market"), ("photo", "photo_id", "photo"),
        ("video", "video_id", "video"), ("wall", "post_id", "wall"),
    ):  # fmt: skip
        if key in found:
            owner = owner if owner is not None else -int(page.partition("-")[2])
            page = page if "group_id" in raw else f"vk:{owner}"
            gone = kind.endswith("_delete")
            yield {
                "id": f"{name}:{owner}:{found[key]}:{found['id']}",
                "post": f"{post}{owner}_{found[key]}",
                "page": page,
                **({} if gone else _vk_author(found, page) | {"text": found["text"]}),
                **({} if gone else {"posted_at": datetime.fromtimestamp(found["date"], UTC)}),
            }
            return


def _vk_answer(answer: Any) -> Iterator[dict[str, Any]]:
    post = next((it["post_id"] for it in answer["items"] if "post_id" in it), None)
    owner = next((it["owner_id"] for it in answer["items"] if "owner_id" in it), None)
    waiting = list(answer["items"])
    while waiting:
        found = waiting.pop()
        waiting += found.get("thread", {}).get("items", [])
        gone = found.get("deleted")
        to = found.get("reply_to_comment")
        yield {
            "id": f"wall:{owner}:{post}:{found['id']}",
            "post": f"wall{owner}_{post}",
            "page": f"vk:{owner}",
            "posted_at": datetime.fromtimestamp(found["date"], UTC),
            **({} if gone else _vk_author(found, f"vk:{owner}") | {"text": found["text"]}),
            **({"parent": f"wall:{owner}:{post}:{to}"} if to else {}),
        }


def _vk_author(found: Any, page: str) -> dict[str, Any]:
    author = found["from_id"]
    kind = "person" if author > 0 else "page" if page == f"vk:{author}" else "community"
    return {"author": str(author), "author_kind": kind}


def _telegram(raw: Any) -> Iterator[dict[str, Any]]:
    found = raw["message"]
    chat = found["chat"]["id"]
    yield {
        "id": f"{chat}:{found['message_id']}",
        "parent": f"{chat}:{found['reply_to_message']['message_id']}",
        "post": None,
        "page": PAGES["telegram"],
        "author": str(found["from"]["id"]),
        "author_kind": "person",
        "text": found["text"],
        "posted_at": datetime.fromtimestamp(found["date"], UTC),
    }


def _max(raw: Any) -> Iterator[dict[str, Any]]:
    found = raw["message"]
    yield {
        "id": found["body"]["mid"],
        "parent": None,
        "post": found["recipient"]["post_id"],
        "page": f"max:{found['recipient']['chat_id']}",
        "author": None,
        "author_kind": "person",
        "text": found["body"]["text"],
        "posted_at": datetime.fromtimestamp(found["timestamp"] / 1_000, UTC),
    }


def _ok(raw: Any) -> Iterator[dict[str, Any]]:
    milliseconds, _, _, topic, _ = base64.b64decode(raw["id"] + "==").decode().split(":")
    at = datetime.strptime(raw["date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone(timedelta(hours=4)))
    # Two witnesses of the time: the id says it without any zone.
    assert at == datetime.fromtimestamp(int(milliseconds) // 1_000, UTC)
    yield {
        "id": f"{topic}:{raw['id']}",
        "parent": f"{topic}:{raw['reply_to_comment_id']}",
        "post": topic,
        "page": PAGES["ok"],
        "author": raw["author_id"],
        "author_kind": "person",
        "text": raw["text"],
        "posted_at": at,
    }


ORACLES = {"vk": _vk, "telegram": _telegram, "max": _max, "ok": _ok}


def test_the_decoders_forget_no_file() -> None:
    """A file that holds a comment is named above, and every name above is a file."""
    names = {f"{platform}/{path.stem}" for platform, path in FILES}
    assert set(COMMENTS) <= names
