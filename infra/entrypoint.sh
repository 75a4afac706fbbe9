#!/bin/sh
# Runs a command of Celeriac with exactly the Deno permissions that it needs: `celeriac worker`.
set -euf
case ${1:---help} in
-*) flags= ;;
*) flags=$(deno run --no-prompt --cached-only --allow-env --allow-read /app/cli.ts permissions "$@") ;;
esac
# shellcheck disable=SC2086 # the flags are words
exec deno run --cached-only $flags /app/cli.ts "$@"
