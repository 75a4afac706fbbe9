/** Stores ticks: updates schedules and adds their messages to the outbox, in one statement. */
import type { Database } from "../shared/database/database.ts";
import { entriesJson, ENTRY_COLUMNS, ENTRY_VALUES } from "../shared/outbox/outbox.ts";
import { type Fence, HELD } from "./lease.ts";
import type { SentTick } from "./schedule_source.ts";

/** Options of a {@linkcode TickWriter}. */
export interface TickWriterOptions {
  readonly database: Database;
  /** `update ... from json_to_recordset($4::text::json) as plan (...) where ...`: updates the rows whose `xmin` is still `plan.version`. */
  readonly update: string;
  /** Column that identifies a schedule, such as `kept.name`. */
  readonly key: string;
  /** SQL type of the key. */
  readonly keyType: "text" | "integer";
}

/** The new state of one schedule, and the ticks that it sends. */
export interface ScheduleUpdate<Key> {
  readonly key: Key;
  /** Columns of `plan` in {@linkcode TickWriterOptions.update}. */
  readonly plan: Readonly<Record<string, unknown>>;
  readonly ticks: readonly SentTick[];
}

/** Writes while the fence holds. It needs no transaction: if the process freezes, no lock remains. If another process changed a row since
 * it was read, its `xmin` differs: the row stays as it is, and of two schedulers only one sends a tick. */
export class TickWriter<Key extends string | number> {
  readonly #database: Database;
  readonly #statement: string;

  constructor({ database, update, key, keyType }: TickWriterOptions) {
    this.#database = database;
    this.#statement = `
      with held as materialized (${HELD}), moved as (
        ${update} and exists (select from held)
        returning ${key} as key
      ), sent as (
        insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
        select ${ENTRY_VALUES} from json_to_recordset($5::text::json) as entry (${ENTRY_COLUMNS})
        join json_to_recordset($6::text::json) as origin (task_id text, key ${keyType}) using (task_id)
        where origin.key in (select key from moved)
        on conflict do nothing
      )
      select key from moved`;
  }

  /** @returns the updates that were stored
   * @throws {DatabaseUnavailable} when the outcome is unknown */
  async write<Update extends ScheduleUpdate<Key>>(
    fence: Fence,
    updates: readonly Update[],
  ): Promise<Update[]> {
    const origins = updates.flatMap(({ key, ticks }) =>
      ticks.map(({ entry }) => ({ task_id: entry.taskId, key }))
    );
    const moved = await this.#database.query<{ key: Key }>(this.#statement, [
      fence.name,
      fence.holder,
      fence.epoch,
      JSON.stringify(updates.map(({ plan }) => plan)),
      entriesJson(updates.flatMap(({ ticks }) => ticks.map(({ entry }) => entry))),
      JSON.stringify(origins),
    ]);
    const keys = new Set(moved.map(({ key }) => key));
    return updates.filter(({ key }) => keys.has(key));
  }
}
