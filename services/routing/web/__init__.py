"""HTTP: thin handlers that check what came in, call the use cases and shape the answer."""

from litestar.types import ControllerRouterHandler

from services.routing.web.cases import CaseController
from services.routing.web.comments import read_comment
from services.routing.web.moderation import ModerationController
from services.routing.web.queues import QueueController
from services.routing.web.records import list_decisions, list_events, read_stats
from services.routing.web.registry_lists import RegistryController
from services.routing.web.registry_upload import import_files

HANDLERS: tuple[ControllerRouterHandler, ...] = (
    read_comment,
    QueueController,
    CaseController,
    ModerationController,
    list_decisions,
    list_events,
    read_stats,
    RegistryController,
    import_files,
)
"""Everything that routing answers to."""
