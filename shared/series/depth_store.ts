/** The table of the number of messages in each queue, once a minute. */
import { LIST_OPTIONS, type Sql } from "../database/database.ts";
import type { SeriesQuery } from "./series_store.ts";

/** Messages in a queue in one minute, or at most in the step that begins at that time. */
export interface DepthEntry {
  readonly at: Date;
  readonly queue: string;
  /** Messages that no worker has received. */
  readonly ready: number;
}

/** Which depths to read. */
export type DepthQuery = Omit<SeriesQuery, "task">;

const ADD = "select celeriac.add_queue_depths($1::text::json)";

const RECENT = "select queue from celeriac.recent_queues($1) as queue";

const READ = `
  select at, queue, ready from celeriac.read_queue_depths($1, $2, $3 * interval '1 second', $4, $5)`;

/** Adds depths and reads them. */
export class DepthStore {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Adds depths of the current minute by the clock of the database. A queue that has one in this minute keeps it.
   *
   * @throws {DatabaseUnavailable} */
  async add(ready: ReadonlyMap<string, number>): Promise<void> {
    if (ready.size === 0) return;
    await this.#database.query(ADD, [JSON.stringify(Object.fromEntries(ready))]);
  }

  /** Names of queues with a depth or an ended task in the last hour.
   *
   * @param most maximum number of names
   * @throws {DatabaseUnavailable} */
  async recentQueues(most: number): Promise<string[]> {
    const rows = await this.#database.query<{ queue: string }>(RECENT, [most]);
    return rows.map(({ queue }) => queue);
  }

  /** Reads the greatest depth per step and queue, in the order of time.
   *
   * @param most maximum number of entries
   * @throws {DatabaseUnavailable}
   * @throws {DatabaseTooSlow} */
  async read({ since, until, step, queue }: DepthQuery, most: number): Promise<DepthEntry[]> {
    const values = [since.toISOString(), until.toISOString(), step, queue ?? null, most];
    return await this.#database.query<DepthEntry>(READ, values, LIST_OPTIONS);
  }
}
