"""What the stand-ins show when they run by themselves: one page of the sample region each, with a few posts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from deploy.standins.max import MaxStandin
from deploy.standins.ok import OkStandin
from deploy.standins.standin import Standin
from deploy.standins.telegram import TelegramStandin
from deploy.standins.vk import VkStandin

Platform = Literal["vk", "telegram", "max", "ok"]

NAMES: Mapping[Platform, str] = {"vk": "VK", "telegram": "Telegram", "max": "MAX", "ok": "Odnoklassniki"}
PORTS: Mapping[Platform, int] = {"vk": 8011, "telegram": 8012, "max": 8013, "ok": 8014}
"""Where they listen unless told otherwise."""

VK_GROUP, VK_NAME = 990002, "Правительство Светлореченской области"
TELEGRAM_CHANNEL, TELEGRAM_GROUP, TELEGRAM_NAME = -1009900003, -1009950003, "Минздрав в Telegram"
MAX_CHANNEL, MAX_NAME = -7000003, "Мэрия Светлореченска в MAX"
OK_GROUP, OK_NAME = "57000000003", "Администрация города Светлореченска"


def _vk() -> Standin:
    return VkStandin.town(VK_GROUP, VK_NAME)


def _telegram() -> Standin:
    return TelegramStandin(channel=TELEGRAM_CHANNEL, group=TELEGRAM_GROUP, name=TELEGRAM_NAME)


def _max() -> Standin:
    return MaxStandin(chat=MAX_CHANNEL, name=MAX_NAME)


def _ok() -> Standin:
    made = OkStandin()
    made.group(OK_GROUP, OK_NAME)
    return made


MAKERS: Mapping[Platform, Callable[[], Standin]] = {"vk": _vk, "telegram": _telegram, "max": _max, "ok": _ok}
POSTS: Mapping[Platform, tuple[str, ...]] = {
    "vk": (
        "На следующей неделе в области продолжат ремонт дорог. Спрашивайте в комментариях.",
        "Заявления на летние лагеря принимаются с понедельника.",
    ),
    "telegram": ("Поликлиники области работают и в субботу. Задайте вопрос под записью.",),
    "max": ("В городе начали подготовку к отопительному сезону. Ждём ваших вопросов.",),
    "ok": ("Субботник пройдёт во всех районах города. Что ещё нужно привести в порядок?",),
}


def make(platform: Platform) -> Standin:
    """A stand-in with its page, and nothing on it yet."""
    return MAKERS[platform]()


def furnish(platform: Platform, standin: Standin) -> None:
    """Puts up the posts."""
    for text in POSTS[platform]:
        standin.publish_post(text)
