/** Leases on messages: rows of the outbox that become due unless this worker renews them.
 *
 * A worker that runs a long task leases its message, and then acknowledges the delivery. If the worker dies, the row becomes due and a relay
 * publishes the message again.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Sql } from "../../shared/database/database.ts";
import { sanitizeText } from "../../shared/database/sanitize_text.ts";
import { Loop } from "../../shared/runtime/loop.ts";
import { messageRow, type OutboxEntry } from "../../shared/outbox/outbox.ts";
import { retryForever } from "../../shared/results/retry_forever.ts";
import type { Service } from "../../shared/runtime/service.ts";

/** Seconds without renewal after which a message is published again. */
const LEASE_SECONDS = 60;
/** Milliseconds between two renewals. */
const RENEW_MS = 20_000;
/** Bytes of bodies in one statement, without the last body. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** Identifies a leased row. */
type Key = { readonly task_id: string; readonly retries: number; readonly lease: number };

type Entry = Omit<OutboxEntry, "due">;

/** Options of {@linkcode MessageLeases}. */
export interface MessageLeasesOptions {
  readonly database: Sql;
  /** Node name of this worker. Stored for operators who read the table. */
  readonly holder: string;
  /** Seconds without renewal after which a message is published again. Default 60. */
  readonly seconds?: number;
  /** Milliseconds between two renewals. Default 20,000. */
  readonly renewMs?: number;
}

const TAKE = "select celeriac.lease_messages($1::text::json, $2, $3)";
const RENEW = "select lease from celeriac.renew_messages($1::text::json, $2) as lease";
const RETURN = "select celeriac.return_messages($1::text::json)";
const END = "select celeriac.end_messages($1::text::json)";

/** A leased message: this worker runs its task. */
export class MessageLease {
  readonly #leases: MessageLeases;
  /** Called when the lease is lost: another process may have published the message. */
  onLost: () => void = () => {};

  constructor(leases: MessageLeases, readonly key: Key) {
    this.#leases = leases;
  }

  /** Deletes the row because the task has ended. Not awaited: if it fails, the message is published again and finds its record final. */
  end(): void {
    this.#leases.end(this);
  }

  /** Makes the row due, so that another worker runs the task. */
  giveBack(): void {
    this.#leases.giveBack(this);
  }

  /** Checks whether the row is still held. If not, the lease is lost.
   *
   * @throws {DatabaseUnavailable} if stopped before the database replied */
  confirm(): Promise<boolean> {
    return this.#leases.confirm(this);
  }
}

/** Takes, renews and ends leases, in micro-batches. Waits while the database is unavailable. */
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
      flush: async (keys) => {
        const held = await this.#renew(keys);
        return keys.map(({ lease }) => held.has(lease));
      },
    });
    const changing = (name: string, statement: string) =>
      new Batch<Key, void>({
        name,
        failed,
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

  /** Writes the pending changes. */
  async stop(): Promise<void> {
    await this.#renewing.stop();
    await Promise.all(
      [this.#taking, this.#confirming, this.#returning, this.#ending].map((batch) => batch.stop()),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Stores the message in the outbox as leased. Its delivery can be acknowledged afterwards.
   *
   * @throws {DatabaseRefused} if it cannot be stored
   * @throws {DatabaseUnavailable} if stopped before it was stored */
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
      logger.warn(
        "The message of task {id} stays in the outbox and will be published again: {error}",
        {
          id: key.task_id,
          error,
        },
      )
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
    // It may have ended in the meantime.
    if (!this.#held.delete(lease.key.lease)) return;
    logger.warn(
      "Task {id} may run again on another worker because its lease was not renewed for {seconds} s",
      { id: lease.key.task_id, seconds: this.#seconds },
    );
    lease.onLost();
  }
}

function toJson(taken: readonly { key: Key; entry: Entry }[]): string {
  return JSON.stringify(taken.map(({ key, entry }) => ({ ...messageRow(entry), ...key })));
}

/** A negative number that JSON and Postgres represent exactly. */
function randomLease(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return -(1 + (high! & 0xfffff) * 2 ** 32 + low!);
}

const logger = getLogger(["celeriac", "worker"]);
