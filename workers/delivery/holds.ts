/** The tasks that this worker has in flight: in memory, and in a table that other workers read.
 *
 * A claim (workers/delivery/claims.ts) inserts the row before the task runs. The row is deleted once the delivery is acknowledged or given
 * back. The rows of a dead worker are ignored once its lease has expired.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { Sql } from "../../shared/database/database.ts";
import { MAX_INTEGER, sanitizeText } from "../../shared/database/sanitize_text.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { waitAtMost } from "../../shared/runtime/waits.ts";
import type { HeldDelivery } from "./held_delivery.ts";

/** Milliseconds that rows wait to be deleted in one statement. */
const GATHER_MS = 50;
/** Milliseconds that a delivery waits for its row to be deleted before it is given back. Otherwise the next worker waits for the lease. */
const FREE_MS = 1000;

const RELEASE = `
  delete from celeriac.holder where task_id = any($2::text[]) and round = $3::integer and node = $1`;

const HOLD = "select id from celeriac.hold($1, $2::text[], $3::integer[])";

const HELD = "select task_id as id, round from celeriac.holder where node = $1";

/** Attempts that can be distinguished. */
const ATTEMPTS = 2 ** 16;

/** The fields that order the messages of one task. */
type TaskRound = Pick<TaskMessage, "retries" | "replacedTaskNesting">;

/** Options of {@linkcode Holds}. */
export interface HoldsOptions {
  readonly database: Sql;
  readonly node: string;
}

/** A task in flight. */
interface HeldTask {
  readonly id: string;
  readonly round: number;
  readonly delivery: HeldDelivery;
  running: boolean;
}

/** The tasks in flight. */
export class Holds implements Service {
  readonly #options: HoldsOptions;
  readonly #byId = new Map<string, HeldTask>();
  readonly #byDelivery = new Map<HeldDelivery, HeldTask>();
  /** Channels with a listener. */
  readonly #channels = new WeakSet<AbortSignal>();
  /** Rows to delete: rounds by task id. */
  #ended = new Map<string, number>();
  #freeing: Promise<void> | undefined;
  /** Ends the wait for more rows. */
  #hurry: (() => void) | undefined;

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Deletes the pending rows. */
  async stop(): Promise<void> {
    this.#hurry?.();
    if (this.#freeing) await waitAtMost(FREE_MS, this.#freeing);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Adds a task.
   *
   * @returns `false` if this worker already has the task in flight through another message; it must not run now */
  take(delivery: HeldDelivery, task: TaskRound & Pick<TaskMessage, "id">): boolean {
    const { id } = task;
    const round = roundOf(task);
    const before = this.#byId.get(id);
    if (before && !isOver(before) && before.round >= round) return false;
    const held = { id, round, delivery, running: false };
    this.#byId.set(id, held);
    this.#byDelivery.set(delivery, held);
    this.#ended.delete(id);
    this.#watch(delivery.channel);
    return true;
  }

  /** Marks the task as running: from now on it is in flight even if the channel closes. Call it before the handler. */
  running(delivery: HeldDelivery): void {
    const held = this.#byDelivery.get(delivery);
    if (held) held.running = true;
  }

  /** Removes a task whose delivery was acknowledged or given back. */
  release(delivery: HeldDelivery): void {
    const held = this.#byDelivery.get(delivery);
    if (!held) return;
    this.#byDelivery.delete(delivery);
    // A later delivery may hold the task now.
    if (this.#byId.get(held.id) !== held) return;
    this.#byId.delete(held.id);
    this.#end(held);
  }

  /** Releases the task and resolves when other workers can hold it. Call it before a delivery is given back. */
  async free(delivery: HeldDelivery): Promise<void> {
    this.release(delivery);
    if (this.#freeing) await waitAtMost(FREE_MS, this.#freeing);
  }

  /** Inserts the rows of all tasks in flight again.
   *
   * @throws {DatabaseUnavailable} */
  async restore(): Promise<void> {
    const held = [...this.#byId.values()];
    if (held.length === 0) return;
    const { database, node } = this.#options;
    await database.query(HOLD, [
      sanitizeText(node),
      held.map(({ id }) => sanitizeText(id)),
      held.map(({ round }) => round),
    ]);
  }

  /** Deletes rows that a lost connection left behind: their tasks are no longer in flight.
   *
   * @throws {DatabaseUnavailable} */
  async reconcile(): Promise<void> {
    const { database, node } = this.#options;
    const rows = await database.query<Pick<HeldTask, "id" | "round">>(HELD, [sanitizeText(node)]);
    const held = new Set(Array.from(this.#byId.keys(), (id) => sanitizeText(id)));
    for (const row of rows) if (!held.has(row.id)) this.#end(row);
  }

  #end({ id, round }: Pick<HeldTask, "id" | "round">): void {
    this.#ended.set(id, round);
    if (this.#freeing) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hurry = resolve;
    this.#freeing = waitAtMost(GATHER_MS, promise).then(() => this.#free());
  }

  async #free(): Promise<void> {
    this.#freeing = undefined;
    const ended = this.#ended;
    if (ended.size === 0) return;
    this.#ended = new Map();
    const { database, node } = this.#options;
    // One statement for each round, because nearly all are first attempts. A join would read the whole table.
    const byRound = new Map<number, string[]>();
    for (const [id, round] of ended) {
      const ids = byRound.get(round);
      if (ids) ids.push(sanitizeText(id));
      else byRound.set(round, [sanitizeText(id)]);
    }
    for (const [round, ids] of byRound) {
      await database.query(RELEASE, [sanitizeText(node), ids, round])
        .catch((error) =>
          logger.debug("Cannot delete the holder rows of {count} tasks yet: {error}", {
            count: ids.length,
            error,
          })
        );
    }
  }

  /** Deletes the rows of waiting tasks when their channel closes, so that the next worker can run them at once. */
  #watch(gone: AbortSignal): void {
    if (this.#channels.has(gone)) return;
    this.#channels.add(gone);
    gone.addEventListener("abort", () => {
      for (const held of [...this.#byDelivery.values()]) {
        if (!held.delivery.open && !held.running) this.#end(held);
      }
    }, { once: true });
  }
}

/** Whether the broker redelivers the message and its task does not run here. */
function isOver({ delivery, running }: HeldTask): boolean {
  return !running && !delivery.open;
}

/** Number that is higher for a later message of a task: its next attempt, or the task that replaces it. */
export function roundOf({ replacedTaskNesting, retries }: TaskRound): number {
  return Math.min(replacedTaskNesting * ATTEMPTS + Math.min(retries, ATTEMPTS - 1), MAX_INTEGER);
}

const logger = getLogger(["celeriac", "worker"]);
