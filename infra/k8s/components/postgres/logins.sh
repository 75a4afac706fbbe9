#!/bin/bash
# Makes the database's roles and gives each login the password of the Secret; may run again, which
# is how a password is rotated:
#
#   kubectl -n celeriac exec postgres-0 -- bash /docker-entrypoint-initdb.d/logins.sh
#
# The image's entry point sources it when the database is new.
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
