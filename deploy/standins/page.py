"""What citizens see of a stand-in, and how it is put into a web page. Pure.

No script and no picture: headings, articles within articles, labelled fields, so that a keyboard and a screen reader
are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Literal
from urllib.parse import quote

import msgspec

from deploy.standins.style import STYLE
from deploy.standins.words import WORDS

Language = Literal["ru", "en"]
CITIZENS = ("101", "102", "103")
"""Who writes on the page."""
EXCERPT = 40
"""Characters of a comment that tell a screen reader what a button is about."""
DEEPEST = 4
"""Answers below that are not moved further to the right."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A comment. `id` is the one that Otklik knows it by, without the platform."""

    id: str
    to: str | None = None
    """The comment that it answers."""
    author: str | None = None
    """A number; None where the platform does not say."""
    by_page: bool = False
    text: str
    at: int
    """Seconds since 1970."""
    deleted: bool = False


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A post with all its comments, the oldest first. `id` is the platform's own notation."""

    id: str
    text: str
    closed: bool = False
    """Nobody may comment."""
    comments: list[Shown]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """An official page. `id` has the platform in front, as in `vk:-123`."""

    id: str
    name: str
    posts: list[Post]
    page_writes: bool = True
    """Whether the page can answer by hand so that the platform tells it was the page."""
    answered: bool = True
    """Whether the platform lets anybody but a person answer."""
    citizens_known: bool = True
    """Whether the platform tells who wrote."""


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What people call a platform."""

    ru: str
    en: str


def render(page: Page, names: Names, language: Language) -> str:
    """The whole page as HTML."""
    word, platform = WORDS[language], names.ru if language == "ru" else names.en
    other: Language = "en" if language == "ru" else "ru"
    title = f"{escape(page.name)} — {word['double']} {platform}"
    posts = "".join(_post(post, page, language) for post in page.posts) or f"<p>{word['empty']}</p>"
    explained = f"{word['explained']} {word['answered' if page.answered else 'by_person']}"
    body = f"""<a class="skip" href="#posts">{word["skip"]}</a>
<header>
<p class="warning" role="note"><strong>{word["warning"].format(platform=platform)}</strong> {explained}</p>
<nav aria-label="{word["language"]}">
<a href="/?lang={other}" lang="{other}" hreflang="{other}">{WORDS[other]["self"]}</a>
<a href="/?lang={language}">{word["again"]}</a></nav>
<h1 lang="ru">{escape(page.name)}</h1>
<p class="meta">{platform}, <code>{escape(page.id)}</code></p>
</header>
<main id="posts">{posts}</main>"""
    return _document(title, body, language)


def render_refusal(why: str, names: Names, language: Language) -> str:
    """The page that says why something was not done; `why` is one of WORDS."""
    word, platform = WORDS[language], names.ru if language == "ru" else names.en
    body = f"""<main><h1>{word["refused"]}</h1>
<p>{word[why]}</p>
<p><a href="/?lang={language}">{word["back"]}</a></p></main>"""
    return _document(f"{word['refused']} — {word['double']} {platform}", body, language)


def anchor(comment: str) -> str:
    """The part of an address that leads to a comment."""
    return f"c-{quote(comment, safe='')}"


def _document(title: str, body: str, language: Language) -> str:
    return f"""<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
{body}
</html>
"""


def _post(post: Post, page: Page, language: Language) -> str:
    word, heading = WORDS[language], f"post-{escape(post.id)}"
    known = {each.id for each in post.comments}
    roots = [each for each in post.comments if each.to not in known]
    comments = "".join(_comment(each, post, page, language, 0) for each in roots)
    said = f"<h3>{word['comments']}: {len(post.comments)}</h3>{comments}"
    form = f"<p>{word['closed']}</p>" if post.closed else _write(post.id, None, page, language)
    text = _lines(post.text) or word["post"]
    return (
        f'<section class="post" aria-labelledby="{heading}"><h2 id="{heading}" lang="ru">{text}</h2>'
        f'<p class="meta"><code>{escape(post.id)}</code></p>{said}{form}</section>'
    )


def _comment(each: Shown, post: Post, page: Page, language: Language, depth: int) -> str:
    word = WORDS[language]
    if each.by_page:
        who = f'<strong>{escape(page.name)}</strong> <span class="official">{word["official"]}</span>'
    else:
        who = f"{word['citizen']} {escape(each.author)}" if each.author else word["somebody"]
    moment = datetime.fromtimestamp(each.at, UTC).astimezone()
    when = f'<time datetime="{moment.isoformat()}">{moment:%d.%m.%Y %H:%M:%S}</time>'
    text = f"<em>{word['deleted']}</em>" if each.deleted else _lines(each.text)
    below = "".join(
        _comment(it, post, page, language, depth + 1) for it in post.comments if it.to == each.id and it.id != each.id
    )
    kinds = "comment" + (" page" if each.by_page else "") + (" deep" if depth > DEEPEST else "")
    known = escape(f"{page.id.partition(':')[0]}:{each.id}")
    forms = "" if each.deleted else _forms(each, post, page, language)
    return (
        f'<article id="{anchor(each.id)}" class="{kinds}"><p class="meta">{who}, {when}, <code>{known}</code></p>'
        f'<p class="text">{text}</p>{forms}{below}</article>'
    )


def _forms(each: Shown, post: Post, page: Page, language: Language) -> str:
    word, hidden = WORDS[language], _hidden("comment", each.id)
    about = f'<span class="unseen">: {escape(each.text[:EXCERPT])}</span>'
    form = _write(post.id, each.id, page, language)
    answer = "" if post.closed else f"<details><summary>{word['answer']}{about}</summary>{form}</details>"
    name = f"edit-{anchor(each.id)}"
    edit = (
        f"<details><summary>{word['edit']}{about}</summary>"
        f'<form method="post" action="/reword?lang={language}">{hidden}<label for="{name}">{word["text"]}</label>'
        f'<textarea id="{name}" name="text" rows="3" required>{escape(each.text)}</textarea>'
        f"<button>{word['save']}</button></form></details>"
    )
    delete = (
        f"<details><summary>{word['delete']}{about}</summary>"
        f'<form method="post" action="/remove?lang={language}">{hidden}<button>{word["sure"]}</button></form></details>'
    )
    return f'<div class="forms">{answer}{edit}{delete}</div>'


def _write(post: str, to: str | None, page: Page, language: Language) -> str:
    word, name = WORDS[language], anchor(to or post)
    answered = "" if to is None else _hidden("to", to)
    people = [(each, f"{word['citizen']} {each}") for each in CITIZENS if page.citizens_known]
    if page.page_writes:
        people.append(("page", word["by_hand"]))
    options = "".join(f'<option value="{value}">{told}</option>' for value, told in people)
    who = (
        f'<label for="who-{name}">{word["as"]}</label><select id="who-{name}" name="who">{options}</select>'
        if people
        else ""
    )
    label = word["write"] if to is None else word["write_answer"]
    return (
        f'<form method="post" action="/say?lang={language}">{_hidden("post", post)}{answered}'
        f'<label for="text-{name}">{label}</label><textarea id="text-{name}" name="text" rows="3" required></textarea>'
        f"{who}<button>{word['send']}</button></form>"
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def languages(wanted: str, accepted: Sequence[str]) -> Language:
    """The one that was asked for, else the first understood one that the browser names, else Russian."""
    for each in (wanted, *(it.strip()[:2].lower() for it in accepted)):
        if each in ("ru", "en"):
            return "en" if each == "en" else "ru"
    return "ru"
