#!/bin/bash
# Creates the database roles and sets each login's password from the Secret. It is idempotent: run it
# again to rotate a password.
#
#   kubectl -n celeriac exec postgres-0 -- bash /docker-entrypoint-initdb.d/logins.sh
#
# The image's entry point sources it when it initializes the database.
run_sql() { psql -v ON_ERROR_STOP=1 -q -U postgres -d celeriac "$@"; }

run_sql -f /roles/database-roles.sql
run_sql -v password="$(cat /run/secrets/postgres/postgres)" <<'SQL'
select format('alter role postgres password %L', :'password')
\gexec
SQL
for role in migrate api worker beat; do
  run_sql -v login="app_$role" -v parent="celeriac_$role" -v password="$(cat "/run/secrets/postgres/$role")" <<'SQL'
select format('create role %I login', :'login') where to_regrole(:'login') is null
\gexec
select format('grant %I to %I', :'parent', :'login')
\gexec
select format('alter role %I password %L', :'login', :'password')
\gexec
SQL
done
