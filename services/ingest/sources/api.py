"""`/v1/sources`: what comments come from, how each does, and how to add, test, pause and remove one."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, TypeVar

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from services.ingest.redo import Redo, Redone
from services.ingest.sources.change import Change, NewSource
from services.ingest.sources.desk import SourceDesk
from services.ingest.sources.pulse import State
from services.ingest.sources.requirements import PLATFORMS
from services.ingest.sources.source import Secrets
from services.ingest.sources.view import ChangedSource, SourceView, Tested, Unreadable
from shared.auth import requires
from shared.errors import Invalid
from shared.events import Platform
from shared.web import DEFAULT_PAGE, Cursor, Limit, ServiceRequest, check_version, decode_cursor, encode_cursor, etag

READERS = requires("coordinator")
WRITERS = requires()
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", max_length=200, description="The ETag that was read: 412 if it has changed."),
]
OnlyPlatform = Annotated[Platform | None, QueryParameter(description="Only of this platform.")]
OnlyState = Annotated[State | None, QueryParameter(name="state", description="Only those that do so.")]
LetterNumber = Annotated[int, PathParameter(ge=1, le=2**53, description="Its number in DEAD.")]
T = TypeVar("T")
_LastId = Annotated[str, Meta(max_length=60)]


class GivenSecrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credentials; which a platform takes is said in the operators' guide. They are never shown again."""

    community_token: str | None = None
    user_token: str | None = None
    service_token: str | None = None
    bot_token: str | None = None
    application_key: str | None = None
    application_secret: str | None = None
    access_token: str | None = None
    confirmation: str | None = None

    def __repr__(self) -> str:
        """Names no value."""
        return "GivenSecrets(…)"


class ChangedSecrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credentials to change: what is left out stays, null takes one away."""

    community_token: str | UnsetType | None = UNSET
    user_token: str | UnsetType | None = UNSET
    service_token: str | UnsetType | None = UNSET
    bot_token: str | UnsetType | None = UNSET
    application_key: str | UnsetType | None = UNSET
    application_secret: str | UnsetType | None = UNSET
    access_token: str | UnsetType | None = UNSET
    confirmation: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Names no value."""
        return "ChangedSecrets(…)"


class AddedSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source to add. What is wrong is told for all fields at once."""

    id: str
    """1 to 60 of a-z, 0-9 and -; part of the hook's address."""
    platform: str
    """vk, telegram, max or ok."""
    page: str
    """As in vk:-123."""
    way: str | None = None
    """hook: the platform calls; poll: it is asked. Unless given, hook where the platform has one."""
    group: str | None = None
    """Telegram: the channel's discussion group, where it is known."""
    acting: bool = False
    """Whether replies and deletions are carried out; else they are only told."""
    pace_seconds: float = 3.0
    """Between two actions on the page, at least."""
    daily_ceiling: int = 200
    """Actions on the page in 24 hours, at most."""
    secrets: GivenSecrets | None = None


class SourcePatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall become other; what is left out stays."""

    acting: bool | UnsetType = UNSET
    pace_seconds: float | UnsetType = UNSET
    daily_ceiling: int | UnsetType = UNSET
    group: str | UnsetType | None = UNSET
    secrets: ChangedSecrets | None = None
    new_hook_secret: bool = False
    """Makes a new secret for the hook and shows it once; the platform's calls are refused until it has it too."""


class SourceList(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the sources, by id; `next` fetches what follows, and is null at the end."""

    items: list[SourceView]
    next: str | None = None
    unreadable: list[Unreadable]
    """What can only be removed; all of it, whatever was asked for."""


class SourceController(Controller):
    """Sources. Administrators change them, coordinators may read."""

    path = "/v1/sources"
    tags = ("sources",)

    @post(
        guards=[WRITERS],
        summary="Add a source",
        responses={409: ResponseSpec(None, description="The id or the page is taken, or no key for secrets is set")},
    )
    async def add(self, request: ServiceRequest, data: JSONBody[AddedSource]) -> Response[ChangedSource]:
        """Keeps the source with its credentials sealed, and tells what is left to do on the platform; the hook's
        secret stands in this answer and in no other. Within seconds every replica knows the source."""
        way = data.way or (PLATFORMS[data.platform].ways[0] if data.platform in PLATFORMS else "hook")
        fields = msgspec.structs.asdict(data) | {
            "way": way,
            "secrets": Secrets(**msgspec.structs.asdict(data.secrets or GivenSecrets())),
        }
        desk = _desk(request)
        kept = await desk.add(NewSource(**fields), by=request.user.key_id)
        return _answer(await desk.changed(kept, tell=True), kept.revision, 201)

    @get(guards=[READERS], summary="All sources")
    async def listed(
        self,
        request: ServiceRequest,
        platform: OnlyPlatform = None,
        doing: OnlyState = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_PAGE,
    ) -> SourceList:
        """Every source with how it does."""
        views, unreadable = await _desk(request).all()
        chosen = [
            view
            for view in views
            if (platform is None or view.platform == platform) and (doing is None or view.health.state == doing)
        ]
        start = 0
        if cursor is not None:
            start = bisect_right([view.id for view in chosen], decode_cursor(cursor, _LastId))
        items = chosen[start : start + limit]
        more = start + limit < len(chosen)
        return SourceList(items=items, next=encode_cursor(items[-1].id) if more else None, unreadable=unreadable)

    @get("/{source_id:str}", guards=[READERS], summary="A source")
    async def read(self, request: ServiceRequest, source_id: FromPath[str]) -> Response[SourceView]:
        """One source. The header ETag is its revision, for If-Match."""
        desk = _desk(request)
        kept = await desk.registry.get(source_id)
        return _answer(await desk.show(kept), kept.revision)

    @patch("/{source_id:str}", guards=[WRITERS], summary="Change a source")
    async def change(
        self, request: ServiceRequest, source_id: FromPath[str], data: JSONBody[SourcePatch], if_match: IfMatch = None
    ) -> Response[ChangedSource]:
        """New credentials, acting on or off, pace and ceiling. A new hook's secret is shown this once."""
        given = msgspec.structs.asdict(data.secrets or ChangedSecrets())
        change = Change(
            acting=data.acting,
            group=data.group,
            pace_seconds=data.pace_seconds,
            daily_ceiling=data.daily_ceiling,
            secrets={name: value for name, value in given.items() if value is not UNSET},
            new_hook_secret=data.new_hook_secret,
        )
        if change == Change():
            raise Invalid(f"there is nothing to change: send some of {', '.join(SourcePatch.__struct_fields__)}")
        return await _change(request, source_id, change, if_match)

    @post("/{source_id:str}/pause", status_code=200, guards=[WRITERS], summary="Pause a source")
    async def pause(
        self, request: ServiceRequest, source_id: FromPath[str], if_match: IfMatch = None
    ) -> Response[ChangedSource]:
        """Nothing is polled, nothing done on the page; the platform's calls are put off."""
        return await _change(request, source_id, Change(active=False), if_match)

    @post("/{source_id:str}/resume", status_code=200, guards=[WRITERS], summary="Resume a source")
    async def resume(
        self, request: ServiceRequest, source_id: FromPath[str], if_match: IfMatch = None
    ) -> Response[ChangedSource]:
        """Goes on where it was paused."""
        return await _change(request, source_id, Change(active=True), if_match)

    @post("/{source_id:str}/test", status_code=200, guards=[WRITERS], summary="Test a source")
    async def test(self, request: ServiceRequest, source_id: FromPath[str]) -> Tested:
        """Asks the platform who the credentials are and what they may do; changes nothing there. What the platform
        refuses is the answer, not an error of this request."""
        return await _desk(request).test(source_id)

    @post(
        "/{source_id:str}/letters/{number:int}/redo",
        status_code=200,
        guards=[WRITERS],
        summary="Take a dead letter of a source in",
        responses={409: ResponseSpec(None, description="Not of this source, too old, or still not to be read")},
    )
    async def redo(self, request: ServiceRequest, source_id: FromPath[str], number: LetterNumber) -> Redone:
        """What the platform once told and no release could use, taken in now; `dead list` shows the numbers. Nothing is
        told of comments that have changed since. The letter is dropped once it brought something, or all that it could
        bring is known, and nothing in it is unusable any more; one older than 30 days is refused."""
        redo: Redo = request.app.state.redo
        return await redo.letter(source_id, number)

    @delete("/{source_id:str}", guards=[WRITERS], summary="Remove a source")
    async def remove(self, request: ServiceRequest, source_id: FromPath[str], if_match: IfMatch = None) -> None:
        """Forgets the source and its credentials. What has come of it stays; the platform's calls are refused."""
        await _desk(request).registry.remove(source_id, check=lambda revision: check_version(if_match, revision))


async def _change(
    request: ServiceRequest, source: str, change: Change, if_match: str | None
) -> Response[ChangedSource]:
    desk = _desk(request)
    kept = await desk.registry.change(
        source, change, by=request.user.key_id, check=lambda revision: check_version(if_match, revision)
    )
    return _answer(await desk.changed(kept, tell=False), kept.revision)


def _answer(content: T, revision: int, status: int = 200) -> Response[T]:
    return Response(content, status_code=status, headers={"ETag": etag(revision)})


def _desk(request: ServiceRequest) -> SourceDesk:
    desk: SourceDesk = request.app.state.source_desk
    return desk
