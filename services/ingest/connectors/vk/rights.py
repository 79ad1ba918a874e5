"""What a source's credentials allow, found out by asking VK; nothing is changed there."""

from __future__ import annotations

from typing import Any

import msgspec

from services.ingest.connectors.connector import Rights
from services.ingest.connectors.failure import BadCredential, Gone, NotAllowed, Refused
from services.ingest.connectors.vk.api import Api, Token, token
from services.ingest.connectors.vk.decoding import COMMENT_EVENTS
from services.ingest.connectors.vk.payload import flag, items, positive, table, whole, words
from services.ingest.connectors.vk.place import owner_of
from services.ingest.sources.source import Source
from shared.events import ActionKind

MODERATOR, EDITOR = 1, 2
"""VK's levels of those who run a community; 3 is an administrator."""

_ANSWERED = (BadCredential, Gone, NotAllowed, Refused)
"""Errors that answer the question; the others say only that VK cannot be asked now."""


class _Findings(msgspec.Struct, kw_only=True):
    """What is known so far."""

    name: str = ""
    reads: bool = False
    acts: list[ActionKind] = msgspec.field(default_factory=list)
    problems: list[str] = msgspec.field(default_factory=list)

    def allow(self, *kinds: ActionKind) -> None:
        self.acts += [kind for kind in kinds if kind not in self.acts]


class Testing:
    """Asks."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def test(self, source: Source) -> Rights:
        """See `Connector.test`. Raises NotSent where VK cannot be asked."""
        owner = owner_of(source.page)
        if owner is None or owner >= 0:
            return Rights(reads=False, problems=("The page must be a community: vk:-<its number>.",))
        found = _Findings()
        community, user, service = (token(source, kind) for kind in ("community", "user", "service"))
        if community is not None:
            await self._community(source, community, -owner, found)
        if user is not None:
            await self._user(user, -owner, found)
        if service is not None:
            await self._reads_back(service, owner, found)
        if source.way == "hook":
            _hook(source, found)
        else:
            await self._long_poll(community or user, -owner, found)
        if user is None and service is None:
            found.problems.append(
                "Without a user's or a service token the wall cannot be read back: what was missed while we were away "
                "stays missing, and a reply whose answer was lost must be looked up by a person."
            )
        if user is None:
            found.problems.append(
                "Deleting outside of discussions, and banning, need an administrator's user token: a person does it."
            )
        order: tuple[ActionKind, ...] = ("reply", "delete", "ban", "close_comments")
        acts = tuple(kind for kind in order if kind in found.acts)
        return Rights(name=found.name[:200], reads=found.reads, acts=acts, problems=tuple(found.problems))

    async def _community(self, source: Source, asking: Token, group: int, found: _Findings) -> None:
        try:
            own = _group(await self._api.read(asking, "groups.getById", {}))
            granted = table(await self._api.read(asking, "groups.getTokenPermissions", {}))
        except _ANSWERED as error:
            found.problems.append(f"The community's token does not work ({error.detail}): create a new one.")
            return
        if positive(own.get("id")) != group:
            found.problems.append("The community's token belongs to another community: create one in this community.")
            return
        found.name = words(own.get("name"))
        names = {words(table(each).get("name")) for each in items(granted.get("permissions"))}
        if "wall" in names:
            found.allow("reply", "close_comments")
        else:
            found.problems.append("The community's token may not write on the wall: create one with the right `wall`.")
        if source.way == "poll" and "manage" not in names:
            found.problems.append("The community's token may not poll: create one with the right `manage`.")

    async def _user(self, asking: Token, group: int, found: _Findings) -> None:
        try:
            own = _group(await self._api.read(asking, "groups.getById", {"group_id": group, "fields": "is_admin"}))
        except _ANSWERED as error:
            found.problems.append(f"The user's token does not work ({error.detail}): create a new one.")
            return
        found.name = found.name or words(own.get("name"))
        level = (whole(own.get("admin_level")) or 0) if flag(own.get("is_admin")) else 0
        if level >= MODERATOR:
            found.allow("delete", "ban")
        if level >= EDITOR:
            found.allow("reply", "close_comments")
        else:
            found.problems.append("The user must be at least an editor of the community to answer in its name.")
        if level < MODERATOR:
            found.problems.append("The user does not run the community: deleting and banning will be refused.")
        await self._reads_back(asking, -group, found)

    async def _reads_back(self, asking: Token, owner: int, found: _Findings) -> None:
        try:
            await self._api.read(asking, "wall.get", {"owner_id": owner, "count": 1})
        except _ANSWERED as error:
            found.problems.append(f"The {asking.kind} token cannot read the wall ({error.detail}).")

    async def _long_poll(self, asking: Token | None, group: int, found: _Findings) -> None:
        if asking is None:
            found.problems.append("Polling needs the community's token.")
            return
        try:
            settings = table(await self._api.read(asking, "groups.getLongPollSettings", {"group_id": group}))
        except _ANSWERED as error:
            found.problems.append(f"Whether Long Poll is on cannot be asked ({error.detail}).")
            return
        if not flag(settings.get("is_enabled")):
            found.problems.append("Long Poll is off: switch it on under Manage, API usage, Long Poll API.")
            return
        found.reads = True
        events = table(settings.get("events"))
        missing = [name for name in COMMENT_EVENTS if name in events and not flag(events[name])]
        if missing:
            found.problems.append(f"Long Poll does not tell these events, tick them: {', '.join(missing)}.")


def _hook(source: Source, found: _Findings) -> None:
    # What the page on the site shows and what a method tells are different words, so that VK cannot be asked.
    if not source.secrets.hook_secret:
        found.problems.append("No secret for the hook: without one every call is refused.")
    elif not source.secrets.confirmation:
        found.problems.append("No confirmation: copy the string that VK shows beside the server's address.")
    else:
        found.reads = True


def _group(answer: Any) -> dict[str, Any]:
    """The first community of an answer, which older versions give as a bare list."""
    return table(next(iter(items(table(answer).get("groups")) or items(answer)), None))
