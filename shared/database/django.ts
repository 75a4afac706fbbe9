/** Creates the tables of django-celery-results where Django has not created them. */
import type { Database, Sql } from "./database.ts";
import grants from "./django/grants.sql" with { type: "text" };
import tables from "./django/tables.sql" with { type: "text" };

/** Result of {@linkcode makeDjangoTables}. */
export interface DjangoTablesMade {
  /** Whether this call created them. */
  readonly made: boolean;
  /** Statements that the tables' owner has to run, because this user lacks permission. */
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

/** Creates missing tables in the first schema of the connection's `search_path`, and grants access to Celeriac's roles.
 * Existing tables are not changed, even those of older releases.
 *
 * @throws {DatabaseRefused} when the user has no permission to create tables there
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

/** Whether this connection finds the tables.
 *
 * @throws {DatabaseUnavailable} */
export async function hasDjangoTables(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ found: boolean }>(FOUND);
  return row?.found ?? false;
}
