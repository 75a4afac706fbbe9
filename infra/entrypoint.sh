#!/bin/sh
# Runs a command of Celeriac with exactly the Deno permissions that it needs: `celeriac worker`.
set -euf
case ${1:---help} in
-*) flags= ;;
*)
  set -- permissions "$@"
  trap 'exit 143' TERM INT # as process 1 it would not hear them
  look="deno run --no-prompt --cached-only --allow-env --allow-read"
  # Where that fails the role cannot start either. It is said once more, to probes as well, until the role is to be
  # started anew, by whoever looks after the container, or here: what was missing is there.
  until flags=$(CELERIAC_STARTUP_ERROR_SECONDS=0 $look /app/cli.ts "$@" 2>/dev/null); do
    $look "--allow-net=${HOST:-127.0.0.1}" /app/cli.ts "$@" >/dev/null &
    trap "kill -TERM $!; exit 143" TERM INT
    wait $!
    trap 'exit 143' TERM INT
  done
  shift
  ;;
esac
# The authority of the servers' certificates, by `deno task secrets --ca`.
ca=/run/secrets/celeriac/ca.crt
if [ -s "$ca" ]; then export "DENO_CERT=${DENO_CERT:-$ca}"; fi
# The flags are lines: a path may contain spaces.
IFS='
'
# shellcheck disable=SC2086
exec deno run --cached-only $flags /app/cli.ts "$@"
