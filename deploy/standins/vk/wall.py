"""What a person sees of the stand-in: a post with its comments, and a form to write one as a citizen."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from deploy.standins.vk.world import Comment, Key, World

CITIZEN = 77
NOTATION = {"wall": "wall", "photo": "photo", "video": "video", "market": "product", "board": "topic"}

_PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}}article{{margin:.8rem 0}}
article article{{margin-left:2rem}}small{{color:#666}}.page{{border-left:3px solid #36c;padding-left:.6rem}}</style>
<p><small>Имитация ВКонтакте для проверок: ничего отсюда не уходит в сеть.</small></p>
<h1>{title}</h1>{body}</html>"""


def front(world: World) -> bytes:
    """All that can be commented on."""
    lines = [f'<li><a href="/{address(key)}">{address(key)}</a></li>' for key in world.things]
    return _page("Страницы", f"<ul>{''.join(lines)}</ul>")


def thing_page(world: World, key: Key) -> bytes:
    """One post with its comments, answers below what they answer."""
    thing = world.things[key]
    shown = [_article(key, thing.comments, each) for each in thing.comments.values() if each.root is None]
    form = "" if thing.closed else _FORM
    return _page(f"{world.names.get(-key[1], '')}: {address(key)}", "".join(shown) + form)


def written(world: World, key: Key, body: bytes) -> None:
    """A citizen sends the form; nothing happens without words."""
    fields = parse_qs(body.decode(errors="replace"))
    text = fields.get("text", [""])[0].strip()
    parent = fields.get("reply_to", [""])[0]
    if text and not world.things[key].closed:
        known = parent.isdecimal() and int(parent) in world.things[key].comments
        world.comment(key, CITIZEN, text, reply_to=int(parent) if known else None)


def address(key: Key) -> str:
    """As in the site's own addresses: `wall-456_7`."""
    return f"{NOTATION[key[0]]}{key[1]}_{key[2]}"


def find(world: World, path: str) -> Key | None:
    """What an address is of."""
    return next((key for key in world.things if address(key) == path), None)


def _article(key: Key, comments: dict[int, Comment], comment: Comment) -> str:
    by_page = comment.author == key[1]
    name = "страница" if by_page else f"житель {comment.author}"
    text = "<i>удалено</i>" if comment.deleted else escape(comment.text).replace("\n", "<br>")
    below = [each for each in comments.values() if each.reply_to == comment.id]
    answers = "".join(_article(key, comments, each) for each in below)
    style = ' class="page"' if by_page else ""
    said = f"<div{style}><small>{name}, №{comment.id}</small><br>{text}</div>"
    return f'<article id="c{comment.id}">{said}{answers}</article>'


_FORM = (
    '<form method="post"><p><textarea name="text" rows="3" cols="60" maxlength="16384" required></textarea></p>'
    "<button>Написать как житель</button></form>"
)


def _page(title: str, body: str) -> bytes:
    return _PAGE.format(title=escape(title), body=body).encode()
