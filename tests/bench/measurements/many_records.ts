/** Fills Celeriac's table of records, as weeks of work would.
 * @module
 */
import type { Database } from "../../../shared/database/database.ts";

/** Values that few records have. */
export const RARE = {
  name: "rare.task",
  queue: "rare",
  worker: "celeriac@rare",
  state: "FAILURE",
  label: { name: "order", value: "7" },
} as const;

/** Values that most records have. */
export const COMMON = {
  name: "orders.confirm",
  queue: "celeriac.default",
  worker: "celeriac@one",
  state: "SUCCESS",
} as const;

/** One record in this number is rare; the rare values of different columns are in different records. */
const RARITY = 100_000;

const RARE_LABEL = `'${JSON.stringify({ [RARE.label.name]: RARE.label.value })}'::jsonb`;

/** Rows of one statement. */
const CHUNK = 50_000;

/** Ids are UUIDv7 of today (UTC), spread evenly until now, so that the rows go to a partition of a day. */
const INSERT = `
  with made as (
    select number, date_trunc('day', now() at time zone 'utc') at time zone 'utc' as midnight
    from generate_series($1::int, $2::int) as number
  ), timed as (
    select number, midnight + (now() - midnight) * (number::float8 / $3::int) as at from made
  ), hexed as (
    select number, at,
      lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as time,
      md5(number::text) as rest
    from timed
  )
  insert into celeriac.task (
    id, name, state, queue, worker, args_repr, kwargs_repr, result, labels, deliveries,
    created_at, submitted_at, started_at, finished_at, updated_at
  )
  select
    left(time, 8) || '-' || right(time, 4) || '-7' || substr(rest, 1, 3) || '-8' || substr(rest, 4, 3)
      || '-' || substr(rest, 7, 12),
    case number % ${RARITY} when 1 then '${RARE.name}' else '${COMMON.name}' end,
    case number % ${RARITY} when 2 then '${RARE.state}' else '${COMMON.state}' end,
    case number % ${RARITY} when 3 then '${RARE.queue}' else '${COMMON.queue}' end,
    case number % ${RARITY} when 4 then '${RARE.worker}' else '${COMMON.worker}' end,
    '(1, 2)', '{}', '3', case number % ${RARITY} when 5 then ${RARE_LABEL} end, 1, at, at, at, at, at
  from hexed`;

/** Inserts records, and does the work that the server would have done meanwhile: vacuum and checkpoint.
 *
 * @param records at least 10, so that every rare value occurs */
export async function insertRecords(
  client: Pick<Database, "query">,
  records: number,
): Promise<void> {
  for (let first = 1; first <= records; first += CHUNK) {
    const last = Math.min(first + CHUNK - 1, records);
    await client.query(INSERT, [first, last, records]);
  }
  await client.query("vacuum analyze celeriac.task");
  await client.query("checkpoint");
}
