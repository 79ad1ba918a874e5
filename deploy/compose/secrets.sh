#!/bin/sh
# Fills the volumes under /secrets at the first start and leaves them alone afterwards: no default password exists, and
# a fresh clone needs no preparation. Each container mounts only the volume that is its own.
#
#   broker/    password                  the broker's
#   database/  password, ingest, routing PostgreSQL's superuser and the two roles
#   ingest/    broker.url database.url author.key sources.key
#   classifier/ broker.url    routing/ broker.url database.url    admin/ broker.url (and later admin.key)
set -eu
umask 077
cd /secrets
app=10001 # the user of our images

new() { # random, begins with a letter: the broker's configuration would read 1e5… as a number
  printf 'k%s' "$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"
}

sealing() { # random, as ingest's vault wants it: the URL-safe base64 of 32 bytes
  head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'
}

keep() { # keep FILE TEXT: writes TEXT into FILE unless it is there; whole or not at all
  if [ ! -s "$1" ]; then
    printf '%s\n' "$2" >"$1.new"
    sync
    mv "$1.new" "$1"
  fi
}

keep broker/password "$(new)"
for role in password ingest routing; do keep "database/$role" "$(new)"; done
keep ingest/author.key "$(new)"
keep ingest/sources.key "$(sealing)"
for service in ingest classifier routing admin; do
  keep "$service/broker.url" "nats://otklik:$(cat broker/password)@broker:4222"
done
for service in ingest routing; do
  keep "$service/database.url" "postgresql+psycopg://$service:$(cat "database/$service")@database:5432/$service"
done

# PostgreSQL's user has another number in each image, and nobody but it mounts this volume.
chmod 0755 database && chmod 0444 database/*
chown -R $app:$app broker ingest classifier routing admin /streams
chmod 0700 broker ingest classifier routing admin /streams
