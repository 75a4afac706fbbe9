/** Counts the runs of a message during which its worker died. */
import { getLogger } from "@logtape/logtape";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Sql } from "../../shared/database/database.ts";
import { sanitizeText } from "../../shared/database/sanitize_text.ts";
import { retryForever } from "../../shared/results/retry_forever.ts";
import type { Service } from "../../shared/runtime/service.ts";

/** Lost runs after which a message runs in isolation, so that tasks beside it are not blamed. The first crash does not count, because only
 * redelivered messages are recorded. */
const ISOLATE_AFTER = 1;
/** Lost runs after which a message is poison: its worker died four times, twice while nothing else ran. */
const POISON_AFTER = 3;

/** Identifies one attempt of a task. */
export interface SuspectMessage {
  readonly id: string;
  readonly retries: number;
}

/** How to run a message: normally, in isolation, or not at all. */
export type CrashRisk = "none" | "isolate" | "poison";

const COLUMNS = "as suspect (id text, retries integer)";

const FIND = `
  select distinct id, crash.retries, crash.runs
  from json_to_recordset($1::text::json) ${COLUMNS}
  join celeriac.crash on crash.task_id = suspect.id and crash.retries = suspect.retries`;

const RECORD_START = `
  insert into celeriac.crash as crash (task_id, retries, runs)
  select id, max(retries), count(*) from json_to_recordset($1::text::json) ${COLUMNS} group by id
  on conflict (task_id) do update set
    runs = case crash.retries when excluded.retries then crash.runs else 0 end + excluded.runs,
    retries = excluded.retries, updated_at = now()`;

const WITHDRAW_START = `
  update celeriac.crash set runs = greatest(crash.runs - spared.count, 0)
  from (select id, retries, count(*) from json_to_recordset($1::text::json) ${COLUMNS} group by id, retries) as spared
  where crash.task_id = spared.id and crash.retries = spared.retries`;

const CLEAR = `
  delete from celeriac.crash using json_to_recordset($1::text::json) ${COLUMNS}
  where crash.task_id = suspect.id`;

/** Rows that were not updated for a week belong to messages that no longer exist. */
const DELETE_OLD = "delete from celeriac.crash where updated_at < now() - interval '7 days'";

/** The table of runs that started and did not end. Used only for messages that are delivered again. */
export class Crashes implements Service {
  readonly #database: Sql;
  readonly #found: Batch<SuspectMessage, number>;
  readonly #starts: Batch<SuspectMessage, void>;
  readonly #withdrawals: Batch<SuspectMessage, void>;
  readonly #clears: Batch<SuspectMessage, void>;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
    this.#found = new Batch<SuspectMessage, number>({
      name: "crashes",
      failed: (error, attempt) => retryForever("crashes", error, attempt),
      flush: async (suspects) => {
        const rows = await database.query<{ id: string; retries: number; runs: number }>(FIND, [
          toJson(suspects),
        ]);
        const runs = new Map(rows.map((row) => [row.id, row.runs]));
        return suspects.map(({ id }) => runs.get(sanitizeText(id)) ?? 0);
      },
    });
    const changing = (name: string, statement: string) =>
      new Batch<SuspectMessage, void>({
        name: `crashes ${name}`,
        failed: (error, attempt) => retryForever("crashes", error, attempt),
        flush: async (suspects) => {
          await database.query(statement, [toJson(suspects)]);
          return suspects.map(() => undefined);
        },
      });
    this.#starts = changing("started", RECORD_START);
    this.#withdrawals = changing("withdrawn", WITHDRAW_START);
    this.#clears = changing("cleared", CLEAR);
  }

  /** Deletes old rows. Does not wait for an unavailable database. */
  start(): Promise<void> {
    this.#database.query(DELETE_OLD).catch((error) =>
      logger.debug("Cannot delete old crash counts: {error}", { error })
    );
    return Promise.resolve();
  }

  /** Writes the pending changes. */
  async stop(): Promise<void> {
    const batches = [this.#found, this.#starts, this.#withdrawals, this.#clears];
    await Promise.all(batches.map((batch) => batch.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Decides how to run a redelivered message.
   *
   * @throws {DatabaseUnavailable} if stopped before the database replied */
  async assess(suspect: SuspectMessage): Promise<CrashRisk> {
    const runs = await this.#found.add(suspect);
    if (runs >= POISON_AFTER) return "poison";
    return runs >= ISOLATE_AFTER ? "isolate" : "none";
  }

  /** Records that a run starts. Resolves when that is stored: if the worker dies from now on, the run counts as lost.
   *
   * @throws {DatabaseUnavailable} if stopped before that */
  recordStart(suspect: SuspectMessage): Promise<void> {
    return this.#starts.add(suspect);
  }

  /** Undoes {@linkcode Crashes.recordStart} because the message is redelivered for another reason than a dead worker. Never rejects: a
   * failure costs at most one run in isolation. */
  withdrawStart(suspect: SuspectMessage): Promise<void> {
    return this.#withdrawals.add(suspect).catch((error) => logKept(suspect, error));
  }

  /** Deletes the count because a run ended, successfully or not. Not awaited: a failure costs at most one run in isolation. */
  clear(suspect: SuspectMessage): void {
    this.#clears.add(suspect).catch((error) => logKept(suspect, error));
  }
}

function logKept({ id }: SuspectMessage, error: unknown): void {
  logger.warn("Cannot clear the crash count of task {id}: {error}", { id, error });
}

function toJson(suspects: readonly SuspectMessage[]): string {
  return JSON.stringify(suspects.map(({ id, retries }) => ({ id: sanitizeText(id), retries })));
}

const logger = getLogger(["celeriac", "worker"]);
