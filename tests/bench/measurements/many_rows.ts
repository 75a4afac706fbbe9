/** Fills the tables behind the other lists: dead letters, events, the audit log, workflows and series.
 * @module
 */
import type { Database } from "../../../shared/database/database.ts";
import { BUCKETS } from "../../../shared/series/histogram.ts";
import { COMMON, RARE } from "./many_records.ts";

/** Values that few of these rows have. */
export const RARE_ROW = {
  reason: "invalid",
  type: "rare.event",
  action: "keys:write",
} as const;

/** One row in this number is rare. */
const RARITY = 100_000;

/** Rows of one statement. */
const CHUNK = 50_000;

/** Names of tasks with series: each of them in one queue, in every minute of 72 hours. */
const SERIES_TASKS = 20;

const HOURS = 72;

/** Statements for the numbers from `$1` to `$2`, of `$3` in all. */
const INSERTS: Readonly<Record<string, string>> = {
  dead_letter: `
    insert into celeriac.dead_letter (
      id, collected_at, task_id, task, retries, queue, reason, exchange, routing_key, properties, headers, body
    )
    select gen_random_uuid(), ${timeOf()}, 'task-' || number,
      case number % ${RARITY} when 1 then '${RARE.name}' else '${COMMON.name}' end, 0,
      case number % ${RARITY} when 3 then '${RARE.queue}' else '${COMMON.queue}' end,
      case number % ${RARITY} when 2 then '${RARE_ROW.reason}' else 'failed' end,
      '', '${COMMON.queue}', '{}', '{}', '\\x5b5b5d2c7b7d2c7b7d5d'
    from generate_series($1::int, $2::int) as number where $3::int > 0`,
  event: `
    insert into celeriac.event (key, source, id, type, event, recorded_at)
    select ${idOf()}, '/bench', number,
      case number % ${RARITY} when 1 then '${RARE_ROW.type}' else 'order.placed' end,
      json_build_object('specversion', '1.0', 'id', number::text, 'source', '/bench', 'type', 'order.placed'),
      ${timeOf()}
    from generate_series($1::int, $2::int) as number where $3::int > 0`,
  audit: `
    insert into celeriac.audit (at, request_id, caller, caller_name, action, method, path, target)
    select ${timeOf()}, number, 'root', 'root',
      case number % ${RARITY} when 1 then '${RARE_ROW.action}' else 'tasks:cancel' end,
      'POST', '/v1/tasks/' || number || '/revoke',
      case number % ${RARITY} when 2 then '${RARE.name}' else 'task-' || number end
    from generate_series($1::int, $2::int) as number where $3::int > 0`,
  workflow: `
    insert into celeriac.workflow (id, canvas, tasks, endings, created_at)
    select ${idOf()},
      json_build_object('task', '${COMMON.name}', 'args', '[]'::json, 'kwargs', '{}'::json,
        'options', json_build_object('task_id', ${idOf()}), 'subtask_type', null, 'immutable', false),
      array[${idOf()}], array[${idOf()}], ${timeOf()}
    from generate_series($1::int, $2::int) as number where $3::int > 0`,
};

const SERIES =
  "minute, task, queue, succeeded, failed, retried, rejected, revoked, runs, waits, run_seconds, wait_seconds";

/** Each span of 20 minutes has its sums, as workers would have added them. */
const INSERT_SERIES = ["series", "series_span"].map((table) => `
  insert into celeriac.${table} (${SERIES})
  select minute, 'task.' || task, 'queue.' || task, 100, 1, 0, 0, 0, counts, counts, 5, 5
  from ${
  table === "series"
    ? `generate_series(date_trunc('minute', now()) - interval '${HOURS} hours' + interval '1 minute', now(), interval '1 minute')`
    : `generate_series(date_bin('20 minutes', now(), 'epoch') - interval '${HOURS} hours', now(), interval '20 minutes')`
} as minute,
    generate_series(1, ${SERIES_TASKS}) as task,
    (select array_agg(5::bigint) as counts from generate_series(1, ${BUCKETS})) as histogram`);

/** Spread evenly over today (UTC) until now, in the order of the numbers. */
function timeOf(): string {
  return "(now() - (now() - date_trunc('day', now() at time zone 'utc') at time zone 'utc') * (1 - number::float8 / $3::int))";
}

/** A UUIDv7 of that time, so that the rows go to the partition of today. */
function idOf(): string {
  const hex = `lpad(to_hex((extract(epoch from ${timeOf()}) * 1000)::bigint), 12, '0')`;
  const rest = "md5(number::text)";
  return `(left(${hex}, 8) || '-' || right(${hex}, 4) || '-7' || substr(${rest}, 1, 3) || '-8' || ` +
    `substr(${rest}, 4, 3) || '-' || substr(${rest}, 7, 12))`;
}

/** Inserts this number of rows into each table, and 72 hours of series, and vacuums them.
 *
 * @param rows at least 10 */
export async function insertRows(client: Pick<Database, "query">, rows: number): Promise<void> {
  for (const [table, insert] of Object.entries(INSERTS)) {
    for (let first = 1; first <= rows; first += CHUNK) {
      await client.query(insert, [first, Math.min(first + CHUNK - 1, rows), rows]);
    }
    await client.query(`vacuum analyze celeriac.${table}`);
  }
  for (const insert of INSERT_SERIES) await client.query(insert);
  await client.query("vacuum analyze celeriac.series, celeriac.series_span");
  await client.query("checkpoint");
}
