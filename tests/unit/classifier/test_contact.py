"""Where a text sends its reader, whatever it is dressed up as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.repetition.contact import contacts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Всё о работе на https://www.Example.ru/a?b=1!", ("host:example.ru",)),
        ("пишите в t.me/some_shop или https://vk.com/club1?x=1", ("host:t.me/some_shop", "host:vk.com/club1")),
        ("новости на vk.com", ()),
        ("https://vk.com/sticker/1-9032-256 и vk.com/wall-1_2?reply=3", ()),
        ("https://ok.ru/group/5?x=1, https://t.me/joinchat/AbC", ("host:ok.ru/group/5", "host:t.me/joinchat/abc")),
        ("ролик https://youtu.be/abc", ()),
        ("запись через https://www.gosuslugi.ru/600 и pos.gosuslugi.ru", ()),
        ("звоните 8 (900) 000-00-00 или +7 900 000 00 00", ("phone:9000000000",)),
        ("горячая линия 8 800 000-00-00", ()),
        ("почта Ivan@Example.com", ("mail:ivan@example.com",)),
        ("аккаунт @Some_Shop", ("account:@some_shop",)),
        ("http://m.example.net:8080/x", ("host:example.net",)),
        ("(https://example.ru), https://example.ru! и https://example.ru?from=1", ("host:example.ru",)),
        ("смотрите https://youtube.com, https://disk.yandex.ru/d/abc и news.mail.ru/1", ()),
        ("https://vk.com/club1, (https://t.me/some_shop)", ("host:vk.com/club1", "host:t.me/some_shop")),
        ("https://t.me/s/one и https://t.me/s/two", ("host:t.me/s/one", "host:t.me/s/two")),
        ("https://t.me/share/url?url=a https://vk.com/share.php?url=b https://ok.ru/profile?x=1", ()),
        ("https://www.instagram.com/p/AbC/ и instagram.com/some_shop", ("host:instagram.com/some_shop",)),
        ("www.avito.ru/kazan/garazhi/garazh_1 avito.ru/user/5e/profile?a=1", ("host:avito.ru/user/5e",)),
        ("https://vk.cc/abc и clck.ru/def", ("host:vk.cc/abc", "host:clck.ru/def")),
        ("https://(((", ()),
        ("Нет воды. Дом 5, кв. 7", ()),
        ("", ()),
    ],
)
def test_contacts(text: str, found: tuple[str, ...]) -> None:
    assert contacts(text) == found


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    assert len(set(contacts(text))) == len(contacts(text))
