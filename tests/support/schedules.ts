/** Creates schedules in a database and reads the messages that they sent. */
import type { Sql } from "../../shared/database/database.ts";
import { fromStored } from "../../shared/broker/stored_message.ts";
import { decodeTask } from "../../shared/celery/decode.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { NewSchedule } from "../../shared/schedules/store.ts";

/** A schedule of the test task `add`. Default: once an hour. */
export function newSchedule(given: Partial<NewSchedule> & { name: string }): NewSchedule {
  return {
    signature: { task: "add", args: [], kwargs: { x: 1, y: 2 }, options: {} },
    cron: null,
    timezone: given.cron ? "UTC" : null,
    every: given.cron ? null : 3600,
    missed: "once",
    ...given,
  };
}

/** Moves schedules into the past, as if they had been created `seconds` earlier. */
export async function age(sql: Sql, seconds: number): Promise<void> {
  await sql.query(
    `update celeriac.schedule set anchor_at = anchor_at - $1 * interval '1 second',
       after_at = after_at - $1 * interval '1 second', next_at = null`,
    [seconds],
  );
}

/** Task messages in the outbox, in insertion order. */
export async function waiting(sql: Sql): Promise<TaskMessage[]> {
  const rows = await sql.query<Parameters<typeof fromStored>[0]>(
    "select exchange, routing_key, properties, headers, body from celeriac.outbox order by id",
  );
  return rows.map((row) => decodeTask(fromStored(row)));
}
