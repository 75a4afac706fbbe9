/** Counts rows for metrics without reading whole tables. */
import type { Sql } from "./database.ts";

/** Maximum number of rows that are counted. */
export const COUNTED_MAX = 10_000;

/** Number of rows of a table: exact up to {@linkcode COUNTED_MAX}; above that, the planner's estimate, which autovacuum keeps.
 *
 * @param table name with its schema, from the source code: it becomes part of the statement
 * @throws {DatabaseUnavailable}
 *
 * @example
 * ```ts
 * import { countRows } from "./row_count.ts";
 * import { assertEquals } from "@std/assert";
 *
 * // Stands in for a database whose table has 3 rows and was never analyzed.
 * const sql = { query: <Row>() => Promise.resolve([{ counted: 3, estimated: -1 }] as Row[]) };
 * assertEquals(await countRows(sql, "celeriac.outbox"), 3);
 * ```
 */
export async function countRows(sql: Pick<Sql, "query">, table: string): Promise<number> {
  const [row] = await sql.query<{ counted: number; estimated: number }>(`
    select (select count(*)::float8 from (select from ${table} limit ${COUNTED_MAX}) as bounded) as counted,
      (select reltuples::float8 from pg_class where oid = '${table}'::regclass) as estimated`);
  const { counted, estimated } = row!;
  return counted < COUNTED_MAX ? counted : Math.max(counted, estimated);
}
