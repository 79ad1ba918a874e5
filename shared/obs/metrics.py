"""Every metric, declared once. A label has few values: never a page, a case, an institution or a person.

`docs/metrics.md` is generated from this module (`python -m shared.obs > docs/metrics.md`) and tested against it.
"""

from __future__ import annotations

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from shared.obs.definition import Catalogue

CONTENT_TYPE = CONTENT_TYPE_LATEST

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of one request, publish, transaction or batch."""
_AGE = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0)
"""Seconds of a comment's way; finest around the promise of 150 ms."""
_SIZES = (1, 2, 5, 10, 25, 50, 100, 150, 200, 256, 512, 1000)

catalogue = Catalogue()
_histogram, _counter, _gauge = catalogue.histogram, catalogue.counter, catalogue.gauge

# HTTP ------------------------------------------------------------------------------------------------------------

HTTP_REQUESTS = _counter(
    "otklik_http_requests_total",
    ["handler", "method", "status"],
    "Requests answered, by the handler's path template and the status.",
    "Many 5xx: look for `request failed` in the log. Many 401: a client uses a revoked or expired key.",
)
HTTP_SECONDS = _histogram(
    "otklik_http_request_seconds",
    ["handler", "method"],
    "Seconds from a request's arrival to the start of its answer.",
    "Compare with otklik_db_seconds and otklik_bus_publish_seconds: a slow disk shows in both.",
    buckets=_FAST,
)

# Broker ----------------------------------------------------------------------------------------------------------

BROKER_CONNECTED = _gauge(
    "otklik_broker_connected",
    [],
    "1 while the connection to the broker stands.",
    "0: is nats-server up, and is OTKLIK_NATS_URL right? Reconnecting never ends, no restart is needed.",
)
PUBLISH_EVENTS = _histogram(
    "otklik_bus_publish_events",
    [],
    "Events in one publish call.",
    "Small batches under load mean that each event waits for an fsync of its own.",
    buckets=_SIZES,
)
PUBLISH_SECONDS = _histogram(
    "otklik_bus_publish_seconds",
    [],
    "Seconds until every event of one publish call was acknowledged as durable.",
    "The broker's disk: measure its fsync rate.",
    buckets=_FAST,
)
PUBLISH_FAILURES = _counter(
    "otklik_bus_publish_failures_total",
    [],
    "Publish calls that ended without all acknowledgements.",
    "Is the broker up, is its disk full, is a stream at its limit (`nats stream report`)?",
)

# Consumers -------------------------------------------------------------------------------------------------------

CONSUMER_EVENTS = _histogram(
    "otklik_consumer_batch_events", ["consumer"], "Events handed to a consumer's handler at once.", buckets=_SIZES
)
CONSUMER_SECONDS = _histogram(
    "otklik_consumer_handle_seconds",
    ["consumer"],
    "Seconds a handler took for one batch, its commit included.",
    "Near the consumer's ack wait events come again: look at otklik_db_seconds.",
    buckets=_FAST,
)
CONSUMER_AGE = _histogram(
    "otklik_consumer_age_seconds",
    ["consumer"],
    "Seconds from a comment's arrival at ingest to the end of this consumer's work on it.",
    "Rising with otklik_consumer_pending: the service is slower than what comes in.",
    buckets=_AGE,
)
CONSUMER_PENDING = _gauge(
    "otklik_consumer_pending",
    ["consumer"],
    "Events stored and not yet handled.",
    "Rising for minutes: is the consumer running (otklik_consumer_state), is its database slow?",
)
CONSUMER_REDELIVERIES = _counter(
    "otklik_consumer_redeliveries_total",
    ["consumer"],
    "Deliveries of an event beyond its first.",
    "A few after a restart are normal. A steady stream: look for `batch failed` in the log.",
)
DEAD_LETTERS = _counter(
    "otklik_dead_letters_total",
    ["service", "reason"],
    "Events put aside because no retry could help.",
    "`python -m shared.bus dead list`, then mend the cause and replay, or drop. Letters from platforms are not "
    "replayed: the operations guide says what to do.",
)
CONSUMER_STATE = catalogue.state(
    "otklik_consumer_state",
    ["consumer"],
    "running; paused (too many dead letters, one probe a minute); stopped.",
    "paused: the dead letters' details tell what is wrong; nothing is lost meanwhile.",
    states=["running", "paused", "stopped"],
)
CONSUMER_LOOP_AGE = _gauge(
    "otklik_consumer_loop_age_seconds",
    ["consumer"],
    "Seconds since the consumer's loop last turned.",
    "Above 60 the consumer hangs: /healthz fails and the process should be restarted.",
)

# Databases -------------------------------------------------------------------------------------------------------

DB_SECONDS = _histogram(
    "otklik_db_seconds",
    ["kind"],
    "Seconds of one transaction (kind: read, write), waiting for a thread included.",
    "Slow writes: the disk's fsync. Slow reads: the database's own list of slow statements.",
    buckets=_FAST,
)
OUTBOX_BACKLOG = _gauge(
    "otklik_outbox_backlog",
    [],
    "Events committed in the database and not yet published.",
    "Rising: the broker is away or full; they are published once it is back.",
)

# The work itself -------------------------------------------------------------------------------------------------

INGEST_COMMENTS = _counter(
    "otklik_ingest_comments_total",
    ["platform", "result"],
    "Comment events taken in (result: accepted, duplicate, rejected; of platforms also repeated: an event that was "
    "seen before, echo: an answer of ours that comes back, skipped: none of ours).",
    "Many rejected: the answer names what is wrong with each; tell the source's operator.",
)
HOOK_CALLS = _counter(
    "otklik_hook_calls_total",
    ["platform", "result"],
    "Calls of platforms (result: taken, forged, undecodable).",
    "Forged: somebody guesses addresses, or the secret on the platform's side is not the source's. Undecodable: the "
    "payload lies among the dead letters; the platform has changed something.",
)
SOURCES = _gauge(
    "otklik_sources",
    ["platform", "state"],
    "Sources, by how they do (state: working, waiting, failing, no_credentials, paused). Every replica tells all of "
    "them: take the maximum, not the sum.",
    "failing or no_credentials: `python -m services.ingest source list` names them and says why.",
)
SOURCE_LAG = _gauge(
    "otklik_source_lag_seconds",
    ["platform"],
    "The age at its arrival of the last event of a source, the worst one's.",
    "Rising on polled sources: too many for the platform's rates, or a token that several share. On hooks: the "
    "platform delivers late, or again after an outage.",
)
SOURCE_FAILURES = _counter(
    "otklik_source_failures_total",
    ["platform", "kind"],
    "What was asked of a platform and failed (kind: bad_credential, not_allowed, not_reached, unclear, gone, refused, "
    "page_moved, unexpected).",
    "not_reached: the way to the platform. bad_credential: give the source new credentials. unexpected: a fault of "
    "ours, look into the log.",
)
INGEST_REPLICAS = _gauge(
    "otklik_ingest_replicas",
    [],
    "Replicas of ingest that share the sources and every platform's rates, as this one sees them.",
    "Fewer than were started: one cannot reach the broker (otklik_broker_connected).",
)
LEASES_HELD = _gauge(
    "otklik_leases_held",
    [],
    "Of 64 parts of all sources, those that this replica polls.",
    "Over all replicas 64 for all but moments; fewer for longer than half a minute: look for `leases` in the log.",
)
ACTIONS = _counter(
    "otklik_actions_total",
    ["platform", "kind", "result"],
    "Actions ended on platforms (kind: reply, delete, ban, close_comments; result: done, failed, needs_person).",
    "Many needs_person: the outcome's detail says why; a dry run, a missing or expired credential, the daily ceiling.",
)
ACTION_CALLS = _counter(
    "otklik_action_calls_total",
    ["platform", "call", "answer"],
    "Calls made for actions (call: attempt, look) by the platform's answer: ok, or the error's class.",
    "NotSent: the platform is away or limits us. Unclear: answers are lost, each is looked for. BadCredential: give "
    "the source a new token. broke: look for `action not done` in the log.",
)
ACTIONS_OPEN = _gauge(
    "otklik_actions_open",
    ["platform"],
    "Actions that wait for their page's turn, for a platform that is away, or are under way.",
    "Rising: a platform is away, or more is ordered than the pages' pace lets through. At 2,000 the rest waits in the "
    "stream.",
)
TAGGED = _counter(
    "otklik_tagged_total",
    ["tag"],
    "Comments judged, by tag.",
    "A sudden shift of shares: a wave of spam, a broken page, or a model that no longer fits.",
)
MODEL_FOLLOWED = _gauge(
    "otklik_model_followed",
    ["place"],
    "1 while this process judges with the version that the pointer names (place: live, shadow), 0 while it cannot.",
    "0: `model refused` in the log and `replicas` of GET /v1/models say why; the version before stays live.",
)
MODEL_LOADS = _counter(
    "otklik_model_loads_total",
    ["place", "result"],
    "Versions of the model fetched (place: live, shadow; result: loaded, refused).",
    "refused: the version is damaged or made for another release; publish it anew, or roll back.",
)
SHADOW_COMPARED = _counter(
    "otklik_shadow_compared_total",
    ["live", "shadow"],
    "Comments that the shadow judged as well, by both tags.",
    "Look at GET /v1/models/disagreements before promoting.",
)
OBSERVED = _counter(
    "otklik_observed_total",
    ["result"],
    "Judged comments for shadow and drift: observed, or skipped because observing takes a fifth of one core at most.",
    "Many skipped are normal under load: what is observed is a sample.",
)
DRIFT_INDEX = _gauge(
    "otklik_drift_index",
    ["measure"],
    "Population stability index of the last 2,000 observed comments against the model's reference (length, unknown, "
    "disguised, foreign, confidence, tag, score_*).",
    "Above 0.25 for hours: what is written has changed, or the model does not fit; label a sample, train, compare.",
)
DRIFT_INPUT = _gauge(
    "otklik_drift_input",
    ["measure"],
    "Of the last 2,000 observed comments: the share of words that training never saw (unknown), of comments with "
    "disguised words (disguised), of comments mostly not in Cyrillic (foreign), and the mean confidence (confidence).",
    "A jump within hours is a wave (spam, another language); a slow rise is new topics to label.",
)
CAREFUL = _counter(
    "otklik_careful_total",
    ["result"],
    "What became of comments for the careful reader (result: read, late, no_room, failed).",
    "Many no_room: a busy day, and the fast reader's judgement stands. Many late: the processor has no time left. "
    "failed: look for `embedder's process ended` in the log.",
)
CAREFUL_SECONDS = _histogram(
    "otklik_careful_seconds",
    [],
    "Seconds of one careful reading.",
    "Rising under load is meant: it yields to everything else.",
    buckets=_FAST,
)
CAREFUL_HELD = _gauge("otklik_careful_held", [], "Comments held for the careful reader.")
REPEATED = _counter(
    "otklik_repeated_total",
    ["same"],
    "Comments whose text or contact stood in another comment of the last hours (same: text, contact).",
    "A wave of one text: an incident or a campaign; the events' field `repeated` says how wide it is.",
)
CASES = _counter(
    "otklik_cases_total",
    ["event"],
    "Events in the lives of cases (routed, accepted, answered, returned, …).",
    "Many returned: wrong competences; look at what the institutions give as responsible.",
)
TASKS = _counter("otklik_tasks_total", ["decision"], "Moderation tasks, by what was decided.")

ProcessCollector(registry=catalogue.registry)
PlatformCollector(registry=catalogue.registry)
GCCollector(registry=catalogue.registry)


def exposition() -> bytes:
    """All metrics in Prometheus' text format, of type CONTENT_TYPE."""
    return generate_latest(catalogue.registry)
