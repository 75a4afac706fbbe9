/** Leases on messages: rows of the outbox that are due unless this worker pushes them ahead.
 *
 * A worker that runs a long task leases its message and then acknowledges the delivery. If the worker dies, the row becomes due, and a
 * relay publishes the message again.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Sql } from "../../shared/database/database.ts";
import { sanitizeText } from "../../shared/database/sanitize_text.ts";
import { Loop } from "../../shared/runtime/loop.ts";
import { messageRow, type OutboxEntry } from "../../shared/outbox/outbox.ts";
import { retryForever } from "../../shared/results/patience.ts";
import type { Service } from "../../shared/runtime/service.ts";

/** Seconds after which a message is published again whose worker is silent. */
const LEASE_SECONDS = 60;
/** Milliseconds between two renewals. */
const RENEW_MS = 20_000;
/** Bytes of bodies in one statement, the last one's not counted. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** Names a leased row. */
type Key = { readonly task_id: string; readonly retries: number; readonly lease: number };

type Entry = Omit<OutboxEntry, "due">;

/** What leases are made of. */
export interface MessageLeasesOptions {
  readonly database: Sql;
  /** Node name of this worker, for those who look at the table. */
  readonly holder: string;
  /** Seconds after which a message is published again whose worker is silent. Default 60. */
  readonly seconds?: number;
  /** Milliseconds between two renewals. Default 20,000. */
  readonly renewMs?: number;
}

const TAKE = "select celeriac.lease_messages($1::text::json, $2, $3)";
const RENEW = "select lease from celeriac.renew_messages($1::text::json, $2) as lease";
const RETURN = "select celeriac.return_messages($1::text::json)";
const END = "select celeriac.end_messages($1::text::json)";

/** A message that is held: this worker runs its task. */
export class MessageLease {
  readonly #leases: MessageLeases;
  /** Called when another process may have taken the message over. */
  onLost: () => void = () => {};

  constructor(leases: MessageLeases, readonly key: Key) {
    this.#leases = leases;
  }

  /** Deletes the row: the task has ended. Not awaited: where it fails, the message comes again and finds its record final. */
  end(): void {
    this.#leases.end(this);
  }

  /** Makes the row due: another worker runs the task. */
  giveBack(): void {
    this.#leases.giveBack(this);
  }

  /** Whether the row is still held; where not, it was lost.
   *
   * @throws {DatabaseUnavailable} when stopped before there was an answer */
  confirm(): Promise<boolean> {
    return this.#leases.confirm(this);
  }
}

/** Takes, renews and ends leases, in micro-batches. Waits for a database that is away. */
export class MessageLeases implements Service {
  readonly #seconds: number;
  readonly #database: Sql;
  readonly #held = new Map<number, MessageLease>();
  readonly #taking: Batch<{ key: Key; entry: Entry }, void>;
  readonly #confirming: Batch<Key, boolean>;
  readonly #returning: Batch<Key, void>;
  readonly #ending: Batch<Key, void>;
  readonly #renewing: Loop;

  constructor(
    { database, holder, seconds = LEASE_SECONDS, renewMs = RENEW_MS }: MessageLeasesOptions,
  ) {
    this.#database = database;
    this.#seconds = seconds;
    const failed = (error: unknown, attempt: number) =>
      retryForever("leases of messages", error, attempt);
    this.#taking = new Batch<{ key: Key; entry: Entry }, void>({
      name: "leases taken",
      failed,
      delayMs: 0,
      weigh: ({ entry }) => entry.message.body.length,
      weight: BATCH_BYTES,
      flush: async (taken) => {
        await database.query(TAKE, [toJson(taken), holder, seconds]);
        return taken.map(() => undefined);
      },
    });
    this.#confirming = new Batch<Key, boolean>({
      name: "leases confirmed",
      failed,
      delayMs: 0,
      flush: async (keys) => {
        const held = await this.#renew(keys);
        return keys.map(({ lease }) => held.has(lease));
      },
    });
    const changing = (name: string, statement: string) =>
      new Batch<Key, void>({
        name,
        failed,
        delayMs: 0,
        flush: async (keys) => {
          await database.query(statement, [JSON.stringify(keys)]);
          return keys.map(() => undefined);
        },
      });
    this.#returning = changing("leases returned", RETURN);
    this.#ending = changing("leases ended", END);
    this.#renewing = new Loop({
      name: "leases",
      round: async () => {
        await this.#renewAll();
        return renewMs;
      },
    });
  }

  /** Messages held. */
  get size(): number {
    return this.#held.size;
  }

  start(): Promise<void> {
    return this.#renewing.start();
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    await this.#renewing.stop();
    await Promise.all(
      [this.#taking, this.#confirming, this.#returning, this.#ending].map((batch) => batch.stop()),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Resolves when the message is in the outbox and held: its delivery can be acknowledged.
   *
   * @throws {DatabaseRefused} when it cannot be stored
   * @throws {DatabaseUnavailable} when stopped before it could be stored */
  async take(entry: Entry): Promise<MessageLease> {
    const { taskId, retries } = entry;
    const key = { task_id: sanitizeText(taskId), retries, lease: randomLease() };
    await this.#taking.add({ key, entry });
    const lease = new MessageLease(this, key);
    this.#held.set(key.lease, lease);
    return lease;
  }

  /** As {@linkcode MessageLease.confirm}. */
  async confirm(lease: MessageLease): Promise<boolean> {
    const held = await this.#confirming.add(lease.key);
    if (!held) this.#lose(lease);
    return held;
  }

  /** As {@linkcode MessageLease.end}. */
  end(lease: MessageLease): void {
    this.#drop(lease, this.#ending);
  }

  /** As {@linkcode MessageLease.giveBack}. */
  giveBack(lease: MessageLease): void {
    this.#drop(lease, this.#returning);
  }

  #drop({ key }: MessageLease, batch: Batch<Key, void>): void {
    this.#held.delete(key.lease);
    batch.add(key).catch((error) =>
      logger.warn("Message of task {id} stays in the outbox and comes again: {error}", {
        id: key.task_id,
        error,
      })
    );
  }

  async #renewAll(): Promise<void> {
    const leases = [...this.#held.values()];
    if (leases.length === 0) return;
    const held = await this.#renew(leases.map(({ key }) => key));
    for (const lease of leases) if (!held.has(lease.key.lease)) this.#lose(lease);
  }

  async #renew(keys: readonly Key[]): Promise<Set<number>> {
    const rows = await this.#database.query<{ lease: number }>(RENEW, [
      JSON.stringify(keys),
      this.#seconds,
    ]);
    return new Set(rows.map(({ lease }) => lease));
  }

  #lose(lease: MessageLease): void {
    // It may have ended meanwhile.
    if (!this.#held.delete(lease.key.lease)) return;
    logger.warn(
      "Task {id} may run again elsewhere because this worker was silent for {seconds} s",
      { id: lease.key.task_id, seconds: this.#seconds },
    );
    lease.onLost();
  }
}

function toJson(taken: readonly { key: Key; entry: Entry }[]): string {
  return JSON.stringify(taken.map(({ key, entry }) => ({ ...messageRow(entry), ...key })));
}

/** A negative number that JSON and Postgres read alike. */
function randomLease(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return -(1 + (high! & 0xfffff) * 2 ** 32 + low!);
}

const logger = getLogger(["celeriac", "worker"]);
