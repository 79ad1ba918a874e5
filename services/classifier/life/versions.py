"""`/v1/models`: what is published, what is live, what stands in its shadow, and how to change that."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, Request, get, post
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from services.classifier.life.disagreement import Comparison
from services.classifier.life.pointer import VERSION_PATTERN, Change, ShadowPointer, Version
from services.classifier.life.registry import PublishedVersion
from services.classifier.life.replica import Replica
from services.classifier.life.standing import Standing
from services.classifier.life.succession import Succession
from services.classifier.life.usability import check_compared, check_usable, check_way_back
from shared.auth import Principal, requires
from shared.errors import Invalid, NotFound, Unavailable
from shared.events import Tag
from shared.events.base import Note

ModelRequest = Request[Principal, None, State]
LiveVersion = Annotated[
    Version | None,
    QueryParameter(
        pattern=VERSION_PATTERN,
        description="The live one of the pair; unless given, the version that this process judges with.",
    ),
]
ShadowVersion = Annotated[
    Version | None,
    QueryParameter(
        pattern=VERSION_PATTERN, description="The other one of the pair; unless given, what is in the shadow now."
    ),
]
LiveTag = Annotated[Tag | None, QueryParameter(description="Only comments of the sample that `live` tagged so.")]
ShadowTag = Annotated[Tag | None, QueryParameter(description="Only comments of the sample that `shadow` tagged so.")]
Revision = Annotated[int, Meta(ge=0)]
NOT_PUBLISHED = ResponseSpec(None, description="No such version is published")


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be live."""

    version: Version | None
    """null: the model that comes with the program."""
    reason: Note = ""
    revision: Revision | None = None
    """`revision` as it was read: with it, nothing happens if somebody changed what is live since then."""


class RollBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Back to what was live before."""

    revision: Revision
    """`revision` as it was read; it keeps a repetition from going back twice."""
    reason: Note = ""


class Shadowing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall judge in the shadow."""

    version: Version | None
    """null: nothing."""


class Pointed(msgspec.Struct, frozen=True, kw_only=True):
    """What the pointer says."""

    live: Version | None
    """null: the model that comes with the program."""
    revision: int
    """Changes with every change of `live`."""
    before: list[Version | None]
    """What rolling back leads to, one after the other."""
    shadow: Version | None
    shadow_set: ShadowPointer
    changes: list[Change]
    """The latest first."""
    problem: str | None
    """Why the pointer cannot be read; every replica then keeps what it judges with."""


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """All about versions."""

    pointer: Pointed
    versions: list[PublishedVersion]
    """The newest first."""
    replicas: list[Replica]
    """What each process really judges with; those that were heard within the last minute."""


class ModelController(Controller):
    """Versions of the model."""

    path = "/v1/models"
    tags = ("models",)

    @get(guards=[requires("auditor")], summary="Versions, what is live, and where")
    async def read(self, request: ModelRequest) -> Models:
        """Figures come from each model's card; `replicas` says whether every process followed."""
        succession = succession_of(request)
        return Models(
            pointer=pointed(await succession.pointers.read()),
            versions=await succession.registry.versions(),
            replicas=await succession.replicas.all(),
        )

    @get(
        "/disagreements",
        guards=[requires("auditor")],
        summary="Where live model and shadow disagree",
        responses={404: ResponseSpec(None, description="There is no shadow and none is named, or no such version")},
    )
    async def disagreements(
        self,
        request: ModelRequest,
        live: LiveVersion = None,
        shadow: ShadowVersion = None,
        live_tag: LiveTag = None,
        shadow_tag: ShadowTag = None,
    ) -> Comparison:
        """Counts over all replicas for thirty days and a sample of comments; of the present pair unless one is named.

        404 where there is no shadow and none is named, and for a version that never was.
        """
        succession = succession_of(request)
        pair = succession.shadow.pair
        one = live or (pair[0] if pair else succession.live.model.version)
        other = shadow or (pair[1] if pair else None)
        if other is None:
            raise NotFound("there is no shadow now; name one that was, as `shadow`")
        if one == other:
            raise Invalid("live and shadow are the same version")
        found = await succession.disagreements.read(one, other)
        await check_compared(succession.registry, found, packaged=succession.packaged)
        sample = [
            item for item in found.sample if live_tag in (None, item.live.tag) and shadow_tag in (None, item.shadow.tag)
        ]
        return msgspec.structs.replace(found, sample=sample)

    @post(
        "/promote",
        status_code=200,
        guards=[requires()],
        summary="Make a version live",
        responses={
            404: NOT_PUBLISHED,
            409: ResponseSpec(None, description="Changed meanwhile (`live`, `revision`), or it cannot be used"),
        },
    )
    async def promote(self, request: ModelRequest, data: JSONBody[Promotion]) -> Pointed:
        """Every replica judges with it within seconds. Harmless to repeat; 404 for a version that is not published.

        409 with `live` and `revision` when somebody else changed it meanwhile, or since `revision`; 409 with `why`
        `unusable` when the version cannot be loaded.
        """
        succession = succession_of(request)
        if data.version is not None:
            await check_usable(succession.registry, data.version)
        standing = await succession.pointers.promote(
            data.version, by=request.user.key_id, reason=data.reason, revision=data.revision
        )
        return pointed(standing)

    @post(
        "/rollback",
        status_code=200,
        guards=[requires()],
        summary="Make live what was live before",
        responses={409: ResponseSpec(None, description="Changed meanwhile, or there is no usable way back")},
    )
    async def roll_back(self, request: ModelRequest, data: JSONBody[RollBack]) -> Pointed:
        """One step back for each call; `revision` must be the present one, else 409 tells what is live now.

        409 with `why` `unusable` when that version cannot be loaded any more: promote another one.
        """
        succession = succession_of(request)
        await check_way_back(succession.registry, await succession.pointers.read(), data.revision)
        standing = await succession.pointers.roll_back(
            by=request.user.key_id, reason=data.reason, revision=data.revision
        )
        return pointed(standing)

    @post(
        "/shadow",
        status_code=200,
        guards=[requires()],
        summary="Let a version judge in the shadow",
        responses={
            404: NOT_PUBLISHED,
            409: ResponseSpec(None, description="Changed meanwhile, it cannot be used, or it is live itself"),
        },
    )
    async def set_shadow(self, request: ModelRequest, data: JSONBody[Shadowing]) -> Pointed:
        """It judges a sample of the same comments after the live model, and nothing follows from what it says."""
        succession = succession_of(request)
        if data.version is not None:
            await check_usable(succession.registry, data.version)
        return pointed(await succession.pointers.set_shadow(data.version, by=request.user.key_id))


def succession_of(request: ModelRequest) -> Succession:
    """That of this process; raises Unavailable in one that runs without a broker."""
    found = request.app.state.get("succession")
    if not isinstance(found, Succession):
        raise Unavailable("this process has no broker")
    return found


def pointed(standing: Standing) -> Pointed:
    """The pointer as it is shown."""
    return Pointed(
        live=standing.live.version,
        revision=standing.revision,
        before=list(reversed(standing.live.before)),
        shadow=standing.shadow_version,
        shadow_set=standing.shadow,
        changes=list(reversed(standing.live.changes)),
        problem=standing.problem,
    )
