#!/bin/sh
# Loads the sample region and sends its week of comments to what `make up` started. Safe to repeat: ingest recognises
# what it has.
set -eu
cd "$(dirname "$0")/../.."
compose() { docker compose -f deploy/compose.yaml "$@"; }
once() { compose run --rm --no-deps --no-TTY --volume "$PWD/deploy/sample:/sample:ro" "$@"; }

OTKLIK_KEY=$(compose run --rm --no-deps --no-TTY key)
export OTKLIK_KEY

once routing python -m services.routing import /sample/region
once --env OTKLIK_KEY --env OTKLIK_DATA_DIR=/tmp ingest \
  python -m services.ingest replay /sample/comments.ndjson --shift-to-now --url http://ingest:8001
