#!/bin/sh
# The broker with its password from the file of this installation; its configuration reads it from the environment.
set -eu
OTKLIK_NATS_PASSWORD=$(cat /secrets/password)
export OTKLIK_NATS_PASSWORD
exec nats-server --config /etc/otklik/nats.conf
