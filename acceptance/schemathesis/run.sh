#!/usr/bin/env bash
# Schemathesis against a real Guildhall: every route of /openapi.json, with good and with bad data.
#
#   GUILDHALL_BIN=target/release/guildhall acceptance/schemathesis/run.sh [more schemathesis options]
#
# GUILDHALL_SCHEMATHESIS_EXAMPLES  cases for each route and phase (default 150: about a minute)
# GUILDHALL_SCHEMATHESIS_SEED      another seed than the one in schemathesis.toml
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=$(realpath "${GUILDHALL_BIN:?set it to the path of the guildhall binary}")
examples=${GUILDHALL_SCHEMATHESIS_EXAMPLES:-150}

venv=$root/.tools/venv-schemathesis
if ! cmp --silent "$here/requirements.txt" "$venv/requirements.txt"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/requirements.txt"
fi

work=$(mktemp --directory --tmpdir guildhall-schemathesis-XXXXXX)
server=
stop() {
  [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
  rm --recursive --force "$work"
}
trap stop EXIT

"$binary" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 150); do
  address=$(grep --only-matching --max-count=1 --extended-regexp 'http://127\.0\.0\.1:[1-9][0-9]*' "$work/log" | head -n 1 || true)
  [ -z "$address" ] || break
  sleep 0.1
done
if [ -z "$address" ]; then
  echo "the server did not say where it listens:" >&2
  cat "$work/log" >&2
  exit 1
fi

our_key=$("$binary" key create --data-dir "$work/data")
"$binary" deployment create theirs --data-dir "$work/data" >/dev/null
their_key=$("$binary" key create --deployment theirs --data-dir "$work/data")
"$venv/bin/python" "$here/seed.py" "$address" "$our_key" "$their_key" "$work"

cp "$here/schemathesis.toml" "$here/hooks.py" "$work"
status=0
(
  cd "$work"
  "$venv/bin/schemathesis" --config-file schemathesis.toml run "$address/openapi.json" \
    --max-examples "$examples" ${GUILDHALL_SCHEMATHESIS_SEED:+--seed "$GUILDHALL_SCHEMATHESIS_SEED"} "$@"
) || status=$?

# The server must have lived well: end with 0, log no error, leave data that `verify` agrees with.
kill -TERM "$server"
exit_code=0
wait "$server" || exit_code=$?
server=
if [ "$exit_code" -ne 0 ]; then
  echo "the server ended with $exit_code on SIGTERM" >&2
  status=1
fi
if grep --extended-regexp '\bERROR\b|panicked at' "$work/log" >&2; then
  echo "the server logged an error" >&2
  status=1
fi
if ! "$binary" verify --data-dir "$work/data" >"$work/verify" 2>&1; then
  cat "$work/verify" >&2
  status=1
fi
exit "$status"
