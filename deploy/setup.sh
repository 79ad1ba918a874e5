#!/bin/sh
# Makes .venv from requirements.lock, or does nothing when it already agrees with that file.
#
#   deploy/setup.sh                 finds a Python by itself
#   PYTHON=/path/to/python3 deploy/setup.sh
#
# Every package is checked against the hashes in the lock file. Nothing is installed outside .venv and nothing needs root.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/.otklik-lock

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# The lock names wheels; the two that are programs (the broker, the database for tests) exist for these machines only.
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64 | Linux-aarch64 | Darwin-x86_64 | Darwin-arm64) ;;
  *)
    fail "the broker is not packaged for $(uname -s) on $(uname -m)." \
      "Linux and macOS on x86-64 or ARM-64 can run everything here; elsewhere use Docker: make up"
    ;;
esac

recent() { # is "$1" a Python that the project supports?
  command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ] && ! recent "$PYTHON"; then
  fail "PYTHON=$PYTHON is not a Python 3.11 or newer."
fi

# A virtual environment cannot be moved: its programs name its own path.
lock="$(cksum <requirements.lock) $(pwd)"
if [ -x $venv/bin/python ] && recent $venv/bin/python && [ "$(cat $stamp 2>/dev/null || true)" = "$lock" ]; then
  [ -z "${PYTHON:-}" ] || printf 'setup: %s is there already, with %s; without it PYTHON=… makes a new one\n' \
    $venv "$($venv/bin/python --version)"
  exit 0
fi

if [ -n "${PYTHON:-}" ]; then
  python=$PYTHON
else
  python=
  for candidate in python3.13 python3.12 python3.11 python3 python; do
    if recent "$candidate"; then
      python=$candidate
      break
    fi
  done
  [ -n "$python" ] || fail "no Python 3.11 or newer was found on PATH." \
    "Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13; or name one: make setup PYTHON=/path/to/python3"
fi

if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  fail "$python has no venv module with pip in it, and the environment cannot be made." \
    "Debian, Ubuntu: apt install $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
fi

moved=$(sed 's/^[0-9]* [0-9]* //' $stamp 2>/dev/null || true)
[ -z "$moved" ] || [ "$moved" = "$(pwd)" ] || rm -rf $venv
if ! [ -x $venv/bin/python ] || ! recent $venv/bin/python || ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
  printf 'setup: making %s with %s\n' $venv "$("$python" --version 2>&1)"
  "$python" -m venv --clear $venv
fi
printf 'setup: installing what requirements.lock names (about 100 packages, a minute or two)\n'
rm -f $stamp
$venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock ||
  fail "pip could not install requirements.lock; its own words are above."
printf '%s\n' "$lock" >$stamp
printf 'setup: done\n'
