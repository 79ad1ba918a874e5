"""What an administrator clicks and pastes on the platform once a source is added, in Russian and English. Pure.

The pages docs/connect-<platform>.md say the same at length, with the rights that each function needs.
"""

from __future__ import annotations

import msgspec

from services.ingest.sources.record import SourceRecord

NO_ADDRESS = "https://<OTKLIK_PUBLIC_URL>"
"""Stands where the public address is not set."""

VK_EVENTS_RU = (
    "комментарии к записям, фото, видео, товарам и в обсуждениях: добавление, изменение, удаление, восстановление"
)
VK_EVENTS_EN = "comments on posts, photos, videos, goods and in discussions: added, edited, deleted, restored"
MAX_UPDATES = '["comment_created","comment_edited","comment_removed"]'


class Instructions(msgspec.Struct, frozen=True, kw_only=True):
    """What is left to do. `secret` is shown this once; nobody can read it again."""

    hook: str | None
    """The address that the platform is to call."""
    secret: str | None
    """What the platform is to send with each call."""
    ru: tuple[str, ...]
    en: tuple[str, ...]

    def __repr__(self) -> str:
        """Names no value."""
        return "Instructions(…)"


def hook_of(record: SourceRecord, public_url: str | None) -> str | None:
    """The address that the platform calls; None for a source that is polled."""
    if record.way != "hook":
        return None
    return f"{(public_url or NO_ADDRESS).rstrip('/')}/hooks/{record.platform}/{record.id}"


def instructions(record: SourceRecord, public_url: str | None, secret: str | None) -> Instructions:
    """What to do for this source; `secret` where it was made just now."""
    hook = hook_of(record, public_url)
    ru, en = _STEPS[record.platform, record.way](record, hook or "", secret or "<secret>")
    if hook is not None and public_url is None:
        ru = ["Задайте OTKLIK_PUBLIC_URL: адрес, под которым ingest виден из интернета, с https.", *ru]
        en = ["Set OTKLIK_PUBLIC_URL: the address at which ingest is seen from the internet, with https.", *en]
    check = f"python -m services.ingest source test {record.id}"
    ru, en = [*ru, f"Проверьте права: {check}"], [*en, f"Check the rights: {check}"]
    if not record.acting:
        ru.append("Пока действия не включены, ответы и удаления только показываются.")
        en.append("Until acting is switched on, replies and deletions are only told.")
    return Instructions(hook=hook, secret=secret if record.way == "hook" else None, ru=tuple(ru), en=tuple(en))


def _vk_hook(record: SourceRecord, hook: str, secret: str) -> tuple[list[str], list[str]]:
    change = f"python -m services.ingest source change {record.id} --secret confirmation"
    return (
        [
            "Откройте сообщество: Управление → Работа с API → Callback API → Добавить сервер.",
            f"Адрес: {hook}",
            f"Секретный ключ: {secret}",
            "Версия API: 5.199.",
            f"Скопируйте «строку, которую должен вернуть сервер» и сохраните её: {change}",
            "Через несколько секунд нажмите «Подтвердить».",
            f"Типы событий: {VK_EVENTS_RU}.",
        ],
        [
            "Open the community: Manage → API usage → Callback API → Add server.",
            f"Address: {hook}",
            f"Secret key: {secret}",
            "API version: 5.199.",
            f"Copy the string that the server must return and keep it: {change}",
            "A few seconds later press Confirm.",
            f"Event types: {VK_EVENTS_EN}.",
        ],
    )


def _vk_poll(record: SourceRecord, hook: str, secret: str) -> tuple[list[str], list[str]]:
    return (
        [
            "Откройте сообщество: Управление → Работа с API → Long Poll API → Включено, версия 5.199.",
            f"Типы событий: {VK_EVENTS_RU}.",
        ],
        [
            "Open the community: Manage → API usage → Long Poll API → Enabled, version 5.199.",
            f"Event types: {VK_EVENTS_EN}.",
        ],
    )


_TELEGRAM_RU = [
    "Привяжите к каналу группу обсуждения и сделайте бота её администратором. Один бот — один канал.",
    "Для удаления дайте ему право «Удаление сообщений», остальные выключите.",
]
_TELEGRAM_EN = [
    "Link a discussion group to the channel and make the bot its administrator. One bot serves one channel.",
    "To delete it needs the right “Delete messages”; switch the others off.",
]


def _telegram_hook(record: SourceRecord, hook: str, secret: str) -> tuple[list[str], list[str]]:
    call = (
        'read -rs TOKEN; curl -sS "https://api.telegram.org/bot$TOKEN/setWebhook" '
        f'-d url={hook} -d secret_token={secret} -d \'allowed_updates=["message","edited_message"]\''
    )
    return (
        [*_TELEGRAM_RU, f"Сообщите адрес Telegram (токен бота вводится, на экране его не видно): {call}"],
        [*_TELEGRAM_EN, f"Tell Telegram the address (type the bot's token, it is not shown): {call}"],
    )


def _telegram_poll(record: SourceRecord, hook: str, secret: str) -> tuple[list[str], list[str]]:
    call = 'read -rs TOKEN; curl -sS "https://api.telegram.org/bot$TOKEN/deleteWebhook"'
    return (
        [*_TELEGRAM_RU, f"Если у бота есть хук, снимите его: {call}"],
        [*_TELEGRAM_EN, f"If the bot has a webhook, take it away: {call}"],
    )


_MAX_RU = [
    "Сделайте бота администратором канала с правами read_all_messages, write (ответы) и delete (удаление).",
]
_MAX_EN = ["Make the bot an administrator of the channel with read_all_messages, write (replies), delete (deletions)."]


def _max_hook(record: SourceRecord, hook: str, secret: str) -> tuple[list[str], list[str]]:
    body = f'{{"url":"{hook}","secret":"{secret}","update_types":{MAX_UPDATES}}}'
    call = (
        'read -rs TOKEN; curl -sS --cacert "$OTKLIK_CA_BUNDLE" https://platform-api2.max.ru/subscriptions '
        f"-H \"Authorization: $TOKEN\" -H 'Content-Type: application/json' -d '{body}'"
    )
    return (
        [
            *_MAX_RU,
            "OTKLIK_CA_BUNDLE называет файл с сертификатами Минцифры: ими подписан MAX.",
            f"Подпишите бота на события (токен вводится, на экране его не видно): {call}",
        ],
        [
            *_MAX_EN,
            "OTKLIK_CA_BUNDLE names the file with the certificates of the national authority, which sign MAX.",
            f"Subscribe the bot to events (type its token, it is not shown): {call}",
        ],
    )


def _max_poll(record: SourceRecord, hook: str, secret: str) -> tuple[list[str], list[str]]:
    return (
        [*_MAX_RU, "Опрос MAX советует только для проб: для работы добавьте источник с hook."],
        [*_MAX_EN, "MAX recommends polling for trials only: for real work add the source with a hook."],
    )


def _ok_poll(record: SourceRecord, hook: str, secret: str) -> tuple[list[str], list[str]]:
    return (
        [
            "Дайте приложению права VALUABLE_ACCESS, GROUP_CONTENT и LONG_ACCESS_TOKEN от имени администратора группы.",
            "На платформе вставлять ничего не нужно: обсуждения опрашиваются. Отвечает и удаляет человек по ссылке.",
        ],
        [
            "Grant the application VALUABLE_ACCESS, GROUP_CONTENT and LONG_ACCESS_TOKEN as the group's administrator.",
            "There is nothing to paste on the platform: discussions are polled. A person replies and deletes by link.",
        ],
    )


_STEPS = {
    ("vk", "hook"): _vk_hook,
    ("vk", "poll"): _vk_poll,
    ("telegram", "hook"): _telegram_hook,
    ("telegram", "poll"): _telegram_poll,
    ("max", "hook"): _max_hook,
    ("max", "poll"): _max_poll,
    ("ok", "poll"): _ok_poll,
}
