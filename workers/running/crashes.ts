/** Counts how often a message has taken its worker with it. */
import { getLogger } from "@logtape/logtape";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Sql } from "../../shared/database/database.ts";
import { sanitizeText } from "../../shared/database/sanitize_text.ts";
import { retryForever } from "../../shared/results/patience.ts";
import type { Service } from "../../shared/runtime/service.ts";

/** Lost runs after which a message runs alone, so that no neighbour is blamed with it. The first crash is not among them: only a message
 * that comes again is written down. */
const ALONE_AFTER = 1;
/** Lost runs after which a message is poison: its workers have died four times, twice with nothing else running. */
const POISON_AFTER = 3;

/** A message, as far as its crashes are concerned. */
export interface SuspectMessage {
  readonly id: string;
  readonly retries: number;
}

/** How a message is to be run. */
export type CrashRisk = "none" | "alone" | "poison";

const COLUMNS = "as suspect (id text, retries integer)";

const FIND = `
  select distinct id, crash.retries, crash.runs
  from json_to_recordset($1::text::json) ${COLUMNS}
  join celeriac.crash on crash.task_id = suspect.id and crash.retries = suspect.retries`;

const BEGAN = `
  insert into celeriac.crash as crash (task_id, retries, runs)
  select id, max(retries), count(*) from json_to_recordset($1::text::json) ${COLUMNS} group by id
  on conflict (task_id) do update set
    runs = case crash.retries when excluded.retries then crash.runs else 0 end + excluded.runs,
    retries = excluded.retries, updated_at = now()`;

const SPARED = `
  update celeriac.crash set runs = greatest(crash.runs - spared.count, 0)
  from (select id, retries, count(*) from json_to_recordset($1::text::json) ${COLUMNS} group by id, retries) as spared
  where crash.task_id = spared.id and crash.retries = spared.retries`;

const OVER = `
  delete from celeriac.crash using json_to_recordset($1::text::json) ${COLUMNS}
  where crash.task_id = suspect.id`;

/** What nobody asked for in a week belongs to messages that are long gone. */
const FORGET = "delete from celeriac.crash where updated_at < now() - interval '7 days'";

/** The table of runs that began and did not end. Asked only about messages that the broker hands out again. */
export class Crashes implements Service {
  readonly #database: Sql;
  readonly #found: Batch<SuspectMessage, number>;
  readonly #changes: Readonly<Record<"began" | "spared" | "over", Batch<SuspectMessage, void>>>;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
    this.#found = new Batch<SuspectMessage, number>({
      name: "crashes",
      delayMs: 0,
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
        delayMs: 0,
        failed: (error, attempt) => retryForever("crashes", error, attempt),
        flush: async (suspects) => {
          await database.query(statement, [toJson(suspects)]);
          return suspects.map(() => undefined);
        },
      });
    this.#changes = {
      began: changing("begun", BEGAN),
      spared: changing("spared", SPARED),
      over: changing("over", OVER),
    };
  }

  /** Forgets what is old. Does not wait for a database that is away. */
  start(): Promise<void> {
    this.#database.query(FORGET).catch((error) =>
      logger.debug("Old crashes are not forgotten yet: {error}", { error })
    );
    return Promise.resolve();
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    await Promise.all([this.#found, ...Object.values(this.#changes)].map((batch) => batch.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** How a message that comes again is to be run.
   *
   * @throws {DatabaseUnavailable} when stopped before there was an answer */
  async crashRisk(suspect: SuspectMessage): Promise<CrashRisk> {
    const runs = await this.#found.add(suspect);
    if (runs >= POISON_AFTER) return "poison";
    return runs >= ALONE_AFTER ? "alone" : "none";
  }

  /** Resolves when it is on record that a run begins: should the worker die now, it was not a neighbour that only waited.
   *
   * @throws {DatabaseUnavailable} when stopped before that */
  began(suspect: SuspectMessage): Promise<void> {
    return this.#changes.began.add(suspect);
  }

  /** Takes {@linkcode Crashes.began} back: the message comes again for another reason than its worker's death. Does not reject: what is
   * lost here costs at most a run alone. */
  spared(suspect: SuspectMessage): Promise<void> {
    return this.#changes.spared.add(suspect).catch((error) => stays(suspect, error));
  }

  /** The run ended by itself, well or badly. Not awaited: what is lost here costs at most a run alone. */
  over(suspect: SuspectMessage): void {
    this.#changes.over.add(suspect).catch((error) => stays(suspect, error));
  }
}

function stays({ id }: SuspectMessage, error: unknown): void {
  logger.warn("Task {id} stays under crashRisk: {error}", { id, error });
}

function toJson(suspects: readonly SuspectMessage[]): string {
  return JSON.stringify(suspects.map(({ id, retries }) => ({ id: sanitizeText(id), retries })));
}

const logger = getLogger(["celeriac", "worker"]);
