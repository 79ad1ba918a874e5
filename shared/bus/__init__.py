"""The broker: connection, declared streams, publishing, batch consumption, dead letters. Nothing else imports nats."""

from shared.bus.bucket import Bucket
from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.delivery import Delivered, Handler, Later
from shared.bus.history import Unreadable, history
from shared.bus.janitor import Janitor
from shared.bus.objects import DamagedObject, Objects, StoredObject
from shared.bus.patience import Patience
from shared.bus.publisher import Outgoing, Published
from shared.bus.tail import Tail
from shared.bus.topology import (
    CLASSIFIER_COMMENTS,
    CONSUMERS,
    INGEST_ACTIONS,
    INGEST_CANCELLATIONS,
    ROUTING_LIFE,
    ROUTING_OUTCOMES,
    ROUTING_TAGGED,
    STREAMS,
    ConsumerSpec,
)

__all__ = [
    "CLASSIFIER_COMMENTS",
    "CONSUMERS",
    "INGEST_ACTIONS",
    "INGEST_CANCELLATIONS",
    "ROUTING_LIFE",
    "ROUTING_OUTCOMES",
    "ROUTING_TAGGED",
    "STREAMS",
    "Bucket",
    "Bus",
    "Consumer",
    "ConsumerSpec",
    "DamagedObject",
    "Delivered",
    "Handler",
    "Janitor",
    "Later",
    "Objects",
    "Outgoing",
    "Patience",
    "Published",
    "StoredObject",
    "Tail",
    "Unreadable",
    "history",
]
