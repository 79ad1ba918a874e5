#!/bin/sh
# Makes the two databases and their roles, and gives the roles the passwords of this installation. Safe to repeat.
# Each role owns its own database and cannot connect to the other's.
set -eu
export PGHOST=database PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=5
PGPASSWORD=$(cat /secrets/password)
export PGPASSWORD

for name in ingest routing; do
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set name="$name" --set password="$(cat "/secrets/$name")" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
