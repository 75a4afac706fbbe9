/** Completions that are rows in Postgres.
 * @module
 */
import type { Database } from "../../../shared/database/database.ts";
import type { OpenSystem } from "./system.ts";

/** Where a system records completions. */
export interface CompletionTable {
  /** With its schema. */
  readonly table: string;
  /** Condition for a completed task. */
  readonly completed: string;
  /** Column with the time of the completion. */
  readonly time: string;
}

/** Reads completions from a table. */
export function completionsOf(
  client: Pick<Database, "query">,
  { table, completed, time }: CompletionTable,
): Pick<OpenSystem, "finished" | "lastFinishedMs"> {
  const counting = `SELECT count(*)::int AS count FROM ${table} WHERE ${completed}`;
  const latest =
    `SELECT extract(epoch FROM max(${time}))::float8 * 1000 AS ms FROM ${table} WHERE ${completed}`;
  return {
    finished: async () => (await client.query<{ count: number }>(counting))[0]?.count ?? 0,
    lastFinishedMs: async () => (await client.query<{ ms: number }>(latest))[0]?.ms ?? NaN,
  };
}
