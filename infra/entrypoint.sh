#!/bin/sh
# Runs a Celeriac command with exactly the Deno permissions that it needs: `celeriac worker`.
set -euf
case ${1:---help} in
-*) flags= ;;
*)
  set -- permissions "$@"
  trap 'exit 143' TERM INT # process 1 ignores signals without a handler
  look="deno run --no-prompt --cached-only --allow-env --allow-read"
  # If the permissions cannot be determined, the role cannot start either. The second run reports the error in the log and to probes.
  # It ends when the role should be started again: by the container runtime, or by this loop once the missing input exists.
  until flags=$(CELERIAC_STARTUP_ERROR_SECONDS=0 $look /app/cli.ts "$@" 2>/dev/null); do
    $look "--allow-net=${HOST:-127.0.0.1}" /app/cli.ts "$@" >/dev/null &
    trap "kill -TERM $!; exit 143" TERM INT
    wait $!
    trap 'exit 143' TERM INT
  done
  shift
  ;;
esac
# The CA of the servers' certificates, installed by `deno task secrets --ca`.
ca=/run/secrets/celeriac/ca.crt
if [ -s "$ca" ]; then export "DENO_CERT=${DENO_CERT:-$ca}"; fi
# One flag per line, because a path may contain spaces.
IFS='
'
# shellcheck disable=SC2086
exec deno run --cached-only $flags /app/cli.ts "$@"
