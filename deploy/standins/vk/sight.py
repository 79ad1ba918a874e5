"""What citizens see of the stand-in's community, and under which ids."""

from __future__ import annotations

from deploy.standins.page import Page, Post, Shown
from deploy.standins.vk.world import Comment, Key, Kind, Thing, World

NOTATION: dict[Kind, str] = {"wall": "wall", "photo": "photo", "video": "video", "market": "market", "board": "topic"}


def seen(world: World, group: int | None) -> Page:
    """The community's walls, photos and so on, the newest first."""
    things = [thing for key, thing in world.things.items() if group is not None and key[1] == -group]
    return Page(
        id=f"vk:-{group or 0}",
        name=world.names.get(group or 0, ""),
        posts=[_post(thing) for thing in reversed(things)],
    )


def post_id(key: Key) -> str:
    """As in the site's own addresses: `wall-456_7`."""
    return f"{NOTATION[key[0]]}{key[1]}_{key[2]}"


def comment_id(key: Key, number: int) -> str:
    """As Otklik writes it: `wall:-456:7:100`."""
    return f"{key[0]}:{key[1]}:{key[2]}:{number}"


def find_post(world: World, post: str) -> Key:
    """What a post's id is of; raises KeyError."""
    for key in world.things:
        if post_id(key) == post:
            return key
    raise KeyError(post)


def find_comment(world: World, comment: str) -> tuple[Key, int]:
    """What a comment's id is of; raises KeyError where there is none, or none any more."""
    for key, thing in world.things.items():
        for number, each in thing.comments.items():
            if not each.deleted and comment_id(key, number) == comment:
                return key, number
    raise KeyError(comment)


def _post(thing: Thing) -> Post:
    shown = [_shown(thing.key, each) for each in thing.comments.values()]
    return Post(id=post_id(thing.key), text=thing.text, closed=thing.closed, comments=shown)


def _shown(key: Key, each: Comment) -> Shown:
    return Shown(
        id=comment_id(key, each.id),
        to=None if each.reply_to is None else comment_id(key, each.reply_to),
        author=str(each.author),
        by_page=each.author == key[1],
        text=each.text,
        at=each.date,
        deleted=each.deleted,
    )
