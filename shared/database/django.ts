/** django-celery-results' tables, made where Django has not made them. */
import type { Database, Sql } from "./database.ts";
import grants from "./django/grants.sql" with { type: "text" };
import tables from "./django/tables.sql" with { type: "text" };

/** What became of Django's tables. */
export interface DjangoTablesMade {
  /** Whether they were not there before. */
  readonly made: boolean;
  /** Statements that the tables' owner has to run, as this program may not. */
  readonly missing: readonly string[];
}

const LOCK = "select pg_advisory_xact_lock(hashtext('celeriac'), hashtext('django'))";

const FOUND = "select to_regclass('django_celery_results_taskresult') is not null as found";

const REFUSED = `
  select role, relation::text from
    unnest(array['celeriac_api', 'celeriac_beat', 'celeriac_worker']) as role,
    unnest(array[
      to_regclass('django_celery_results_taskresult'),
      to_regclass('django_celery_results_chordcounter'),
      to_regclass('django_celery_results_groupresult')
    ]) as relation
  where to_regrole(role) is not null and relation is not null
    and not (
      has_table_privilege(role, relation, 'select') and has_table_privilege(role, relation, 'insert')
      and has_table_privilege(role, relation, 'update') and has_table_privilege(role, relation, 'delete')
    )
  order by role, relation::text`;

/** Makes the tables if they are not there, in the first schema of the connection's `search_path`, and lets our roles use them.
 * Those that Django made stay as they are, however old.
 *
 * @throws {DatabaseRefused} when the user may not create tables there
 * @throws {DatabaseUnavailable} */
export async function makeDjangoTables(database: Database): Promise<DjangoTablesMade> {
  return await database.transaction(async (sql) => {
    await sql.query(LOCK);
    const made = !await hasDjangoTables(sql);
    if (made) await sql.script(tables);
    await sql.script(grants);
    const refused = await sql.query<{ role: string; relation: string }>(REFUSED);
    const missing = refused.map(({ role, relation }) =>
      `grant select, insert, update, delete on ${relation} to ${role};`
    );
    return { made, missing };
  });
}

/** Whether the tables are there for this connection.
 *
 * @throws {DatabaseUnavailable} */
export async function hasDjangoTables(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ found: boolean }>(FOUND);
  return row?.found ?? false;
}
