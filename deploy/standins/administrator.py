"""Connects stand-ins with a running ingest as an administrator does it: adds the source, pastes on the platform what
that tells. By ingest's own `/v1/sources`, so that `make run` goes the way that operators go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

import httpx

from deploy.standins.ok import ACCESS_TOKEN, APPLICATION_KEY, APPLICATION_SECRET
from deploy.standins.region import MAX_CHANNEL, OK_GROUP, TELEGRAM_CHANNEL, TELEGRAM_GROUP, VK_GROUP, Platform

T = TypeVar("T")

CALL_SECONDS = 20.0
PATIENCE_SECONDS = 30.0
"""Until a new key, or a new source, is known to every part of ingest."""
PACE_SECONDS = 1.0
"""Between two actions on a page; real platforms want more."""
BOT_TOKENS: Mapping[Platform, str] = {"telegram": "700:standin-token", "max": "standin-token"}
CONFIRMATION = "c0nf1rm"
UPDATES = ["message", "edited_message"]

PAGES: Mapping[Platform, str] = {
    "vk": f"vk:-{VK_GROUP}",
    "telegram": f"telegram:{TELEGRAM_CHANNEL}",
    "max": f"max:{MAX_CHANNEL}",
    "ok": f"ok:{OK_GROUP}",
}
SECRETS: Mapping[Platform, Mapping[str, str]] = {
    "vk": {"community_token": "community", "user_token": "user", "confirmation": CONFIRMATION},
    "telegram": {"bot_token": BOT_TOKENS["telegram"]},
    "max": {"bot_token": BOT_TOKENS["max"]},
    "ok": {
        "application_key": APPLICATION_KEY,
        "application_secret": APPLICATION_SECRET,
        "access_token": ACCESS_TOKEN,
    },
}
"""Of the doubles alone."""


class ConnectError(Exception):
    """Why a stand-in could not be connected, for a person."""


class Administrator:
    """Works while its context is open; every call may raise ConnectError."""

    def __init__(self, ingest: str, key: str) -> None:
        self._root = ingest
        self._ingest = httpx.Client(
            base_url=ingest, headers={"Authorization": f"Bearer {key}"}, timeout=CALL_SECONDS, trust_env=False
        )
        self._platform = httpx.Client(timeout=CALL_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ingest.close()
        self._platform.close()

    def connect(self, platform: Platform, address: str, *, way: str | None = None, name: str = "") -> str:
        """The stand-in at `address` is read and answered, acting switched on; returns the source's id.

        A source that is there already gets a new secret for its hook, which the stand-in is told.
        """
        source = name or source_id(platform)
        found = self._ask("GET", f"/v1/sources/{source}")
        if found.status_code == 404:
            made = self._ask("POST", "/v1/sources", _added(source, platform, way))
        elif found.is_success and found.json()["way"] == "hook":
            made = self._ask("PATCH", f"/v1/sources/{source}", {"acting": True, "new_hook_secret": True})
        else:
            made = self._ask("PATCH", f"/v1/sources/{source}", {"acting": True})
        if not made.is_success:
            raise ConnectError(f"the source {source}: {_words(made)}")
        told = made.json()["instructions"] if made.json().get("instructions") else {}
        self._paste(platform, address, self._here(told.get("hook")), told.get("secret"))
        return source

    def disconnect(self, source: str) -> bool:
        """Removes the source; False where there is none."""
        answer = self._ask("DELETE", f"/v1/sources/{source}")
        if answer.status_code == 404:
            return False
        if not answer.is_success:
            raise ConnectError(f"the source {source}: {_words(answer)}")
        return True

    def others(self) -> list[str]:
        """Ids of the sources that are no stand-in's."""
        answer = self._ask("GET", "/v1/sources?limit=200")
        ours = {source_id(platform) for platform in PAGES}
        return [each["id"] for each in answer.json().get("items", []) if each["id"] not in ours]

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer, once the key is known and ingest is whole."""

        def ask() -> httpx.Response | None:
            answer = self._ingest.request(method, path, json=body)
            return None if answer.status_code in (401, 503) else answer

        return self._until(ask, "ingest does not know the administrator's key")

    def _here(self, hook: str | None) -> str | None:
        """The hook's address as it is on this machine, whatever it is on the internet."""
        return None if hook is None else f"{self._root}/hooks/{hook.rpartition('/hooks/')[2]}"

    def _paste(self, platform: Platform, address: str, hook: str | None, secret: str | None) -> None:
        if platform == "telegram":
            url = f"{address}/bot{BOT_TOKENS[platform]}"
            set_up = {"url": hook, "secret_token": secret, "allowed_updates": UPDATES}
            self._tell(f"{url}/setWebhook" if hook else f"{url}/deleteWebhook", set_up if hook else {})
        elif platform == "max" and hook:
            token = {"Authorization": BOT_TOKENS[platform]}
            self._tell(f"{address}/subscriptions", {"url": hook, "secret": secret}, token)
        elif platform == "vk" and hook:
            given = {"url": hook, "group": VK_GROUP, "secret": secret, "confirmation": CONFIRMATION}

            def confirmed() -> bool | None:
                return self._tell(f"{address}/standin/callback", given).json()["confirmed"] or None

            self._until(confirmed, "VK's hook does not answer the confirmation")
        elif platform == "vk":
            self._tell(f"{address}/standin/no_callback", {})

    def _tell(self, url: str, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            answer = self._platform.post(url, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ConnectError(f"the stand-in does not answer: {type(error).__name__}") from error
        if not answer.is_success:
            raise ConnectError(f"the stand-in refused with {answer.status_code}")
        return answer

    def _until(self, ask: Callable[[], T | None], why: str) -> T:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                if (answer := ask()) is not None:
                    return answer
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise ConnectError(why)


def source_id(platform: Platform) -> str:
    """Of the source that `make run` adds."""
    return f"standin-{platform}"


def _added(source: str, platform: Platform, way: str | None) -> dict[str, object]:
    added: dict[str, object] = {
        "id": source,
        "platform": platform,
        "page": PAGES[platform],
        "way": way,
        "acting": True,
        "pace_seconds": PACE_SECONDS,
        "secrets": dict(SECRETS[platform]),
    }
    return added | {"group": str(TELEGRAM_GROUP)} if platform == "telegram" else added


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        return "; ".join([told["detail"], *(f"{it['path']}: {it['message']}" for it in told.get("errors", []))])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
