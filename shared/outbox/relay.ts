/** The loop that drains the outbox. Any number of relays share the table by `SKIP LOCKED`. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../broker/broker.ts";
import { ENTRY_EXCHANGE, INBOX_QUEUE } from "../broker/event_topology.ts";
import type { Destination, Properties } from "../broker/message.ts";
import { type Limit, Usage } from "../broker/amqp/usage.ts";
import type { Database } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { type DeadLetter, letterOf } from "../dead_letters/letter.ts";
import type { DeadLetters } from "../dead_letters/store.ts";
import {
  DatabaseUnavailable,
  InvalidInput,
  NotSent,
  TopologyMissing,
  Unroutable,
} from "../errors.ts";
import { Loop } from "../runtime/loop.ts";
import { GIVE_UP, NEXT_DUE, PLANNED, PUT_BACK, REMOVE, TAKE } from "./relay_statements.ts";
import { retryDelay, retryPolicy } from "../contracts/retry.ts";
import type { Service } from "../runtime/service.ts";
import { Steadiness } from "../runtime/steadiness.ts";
import { fromStored } from "../broker/stored_message.ts";
import { waitAtMost } from "../runtime/waits.ts";
import type { GiveUp } from "../workflows/give_up.ts";

/** Options of a relay. */
export interface RelayOptions {
  readonly database: Database;
  readonly broker: Broker;
  /** Stores messages that can never be sent. */
  readonly letters: Pick<DeadLetters, "add">;
  /** Makes the record final and continues the workflow. */
  readonly giveUp: GiveUp;
  /** Seconds that a message waits for a missing queue or exchange while the broker is up. Default: one day. */
  readonly unroutableSeconds?: number;
  /** Milliseconds between polls of the table while nothing is due. Default 200. */
  readonly pollMs?: number;
}

/** Maximum number of entries leased at once. */
const BATCH = 200;
/** Limits of unconfirmed entries. */
const IN_FLIGHT: Limit = { messages: 1000, bytes: 64 * 1024 * 1024 };
/** Milliseconds that a round waits for the confirms of its entries; a later round handles the rest. */
const ROUND_MS = 100;
/** Maximum bytes of bodies leased at once, without the last entry. */
const BATCH_BYTES = 16 * 1024 * 1024;
/** Seconds after which another relay takes over a leased entry: longer than a confirm takes by default. Entries also wait this long if
 * their lease was committed but the database connection failed before the relay learned of it. */
const LEASE_SECONDS = 20;
/** Seconds that a message waits for its queue: long enough for an operator to create it. */
const UNROUTABLE_SECONDS = 24 * 3600;
/** Backoff of a message that the broker rejects: it is retried until the queue accepts it. */
const BACKOFF = retryPolicy({ maxAttempts: Infinity, base: 1, cap: 300, jitter: 0.2 });
/** After a poll that skipped destinations without confirms, the pause is this many times the duration of the poll. */
const SKIP_PAUSE_FACTOR = 5;
/** Milliseconds that the database must have answered before a leased message counts as abandoned: after an outage its worker renews first. */
const STEADY_MS = 10_000;
/** Minimum pause: another relay may be about to lease the due entries, and polling immediately would be a busy loop. */
const MIN_PAUSE_MS = 5;

interface Entry {
  readonly id: string;
  readonly due_at: Date;
  readonly task_id: string;
  readonly retries: number;
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: Properties;
  readonly headers: unknown;
  readonly body: Uint8Array;
  readonly attempts: number;
}

/** An entry and its outcome. */
interface Settled {
  readonly entry: Entry;
  /** Why it was not published; `undefined` when the broker has confirmed it. */
  readonly reason: unknown;
}

/** Publishes due entries in the order of their due times and deletes confirmed ones. */
export class Relay implements Service {
  readonly #database: Database;
  readonly #broker: Broker;
  readonly #letters: RelayOptions["letters"];
  readonly #giveUpTask: GiveUp;
  readonly #unroutableAttempts: number;
  readonly #pollMs: number;
  readonly #log = getLogger(["celeriac", "relay"]);
  readonly #steadiness = new Steadiness(STEADY_MS);
  readonly #loop = new Loop({ name: "relay", round: () => this.#round() });
  readonly #unconfirmed = new Usage();
  #publishing = Promise.resolve();
  #settled: Settled[] = [];

  constructor(options: RelayOptions) {
    const { database, broker, letters, giveUp, pollMs = 200 } = options;
    this.#database = database;
    this.#broker = broker;
    this.#letters = letters;
    this.#giveUpTask = giveUp;
    this.#unroutableAttempts = attemptsWithin(options.unroutableSeconds ?? UNROUTABLE_SECONDS);
    this.#pollMs = pollMs;
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Resolves when every entry has an outcome: at the latest after the broker's confirm timeout. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#publishing;
    // An outcome that cannot be written now is lost: the entry is published again when its lease ends.
    await this.#settle().catch((error) =>
      this.#log.warn("Cannot write the outcomes of the outbox: {error}", { error })
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Polls the table now, because this process added an entry. */
  wake(): void {
    this.#loop.wake();
  }

  async #round(): Promise<number> {
    await this.#settle();
    const { status: { state }, unconfirmed } = this.#broker;
    if (state !== "connected" && unconfirmed.length === 0) return this.#pollMs;
    if (this.#unconfirmed.reaches(IN_FLIGHT)) return this.#pollMs;
    const began = performance.now();
    const entries = await this.#take(unconfirmed);
    if (entries.length === 0) {
      if (unconfirmed.length === 0) return await this.#untilNext();
      return Math.max(this.#pollMs, SKIP_PAUSE_FACTOR * (performance.now() - began));
    }
    entries.sort((one, other) => +one.due_at - +other.due_at || Number(one.id) - Number(other.id));
    const published = Promise.all(entries.map((entry) => this.#publish(entry)));
    this.#publishing = Promise.all([this.#publishing, published]).then(() => this.wake());
    await waitAtMost(ROUND_MS, published);
    await this.#settle();
    return 0;
  }

  async #publish(entry: Entry): Promise<void> {
    this.#unconfirmed.add(entry);
    try {
      await this.#broker.publish(fromStored(entry));
      this.#settled.push({ entry, reason: undefined });
    } catch (error) {
      this.#settled.push({ entry, reason: error ?? new Error("no reason") });
    }
    this.#unconfirmed.remove(entry);
  }

  /** Writes the collected outcomes; if the database is down, they are kept for the next round. */
  async #settle(): Promise<void> {
    const settled = this.#settled.splice(0);
    try {
      await this.#write(settled);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) this.#settled.unshift(...settled);
      throw error;
    }
  }

  /** Idempotent. */
  async #write(settled: readonly Settled[]): Promise<void> {
    await this.#remove(settled.filter(({ reason }) => reason === undefined));
    const failed = settled.filter(({ reason }) => reason !== undefined);
    const hopeless = failed.filter((one) => this.#isHopeless(one));
    const rest = failed.filter((one) => !hopeless.includes(one));
    if (rest.length > 0) await this.#putBack(rest);
    if (hopeless.length > 0) await this.#giveUp(hopeless);
  }

  #take(unconfirmed: readonly Destination[]): Promise<Entry[]> {
    const limits = [BATCH, LEASE_SECONDS, BATCH_BYTES];
    const parameters = [...limits, destinationsJson(unconfirmed), this.#steadiness.isSteady];
    return this.#steadiness.note(this.#database.query<Entry>(TAKE, parameters, PLANNED));
  }

  /** Whether a message can never be sent, or its queue has been missing for too long. The broker was up at each attempt. */
  #isHopeless({ entry, reason }: Settled): boolean {
    if (reason instanceof InvalidInput) return true;
    const isLost = reason instanceof Unroutable || reason instanceof TopologyMissing;
    return isLost && entry.attempts >= this.#unroutableAttempts;
  }

  async #remove(published: readonly Settled[]): Promise<void> {
    if (published.length === 0) return;
    await this.#database.query(REMOVE, [published.map(({ entry }) => entry.id)], PLANNED);
  }

  /** Turns each into a dead letter after its record is final and its workflow continued. If the relay dies before, another repeats it. */
  async #giveUp(hopeless: readonly Settled[]): Promise<void> {
    const endings = await Promise.allSettled(
      hopeless.map(({ entry, reason }) => this.#end(entry, reason)),
    );
    const failed = hopeless.filter((_, index) => endings[index]!.status === "fulfilled");
    for (const ending of endings) {
      if (ending.status === "rejected") {
        this.#log.warn(
          "Cannot dead-letter an unsendable message now: it stays in the outbox: {error}",
          {
            error: ending.reason,
          },
        );
      }
    }
    await this.#database.transaction(async (sql) => {
      const failedIds = failed.map(({ entry }) => entry.id);
      const removed = await sql.query<{ id: string }>(GIVE_UP, [failedIds], PLANNED);
      const ids = new Set(removed.map(({ id }) => id));
      const gone = failed.filter(({ entry }) => ids.has(entry.id));
      await this.#letters.add(gone.map(letter), sql);
    });
    for (const { entry, reason } of failed) {
      this.#log.error(
        "Message of {what} {id} is a dead letter, because it cannot be sent: {reason}",
        {
          what: isEvent(entry) ? "event" : "task",
          id: entry.task_id,
          reason: String(reason),
        },
      );
    }
  }

  // Async, so that an unreadable entry fails alone.
  async #end(entry: Entry, reason: unknown): Promise<void> {
    // It has no record. Its `task_id` is a key, and a task may have the same id.
    if (isEvent(entry)) return;
    const error = reason instanceof Error ? reason : new Error(String(reason));
    const { task_id: taskId, retries } = entry;
    await this.#giveUpTask({ message: fromStored(entry), taskId, retries }, error);
  }

  /** Unsent entries keep their due time; each attempt without a confirm backs off longer. */
  async #putBack(failed: readonly Settled[]): Promise<void> {
    const connected = this.#broker.status.state === "connected";
    const rows = failed.map(({ entry: { id, due_at, attempts }, reason }) => {
      const error = sanitizeText(reason instanceof Error ? reason.message : String(reason));
      if (!connected || reason instanceof NotSent) return { id, due_at, attempts, error };
      const delay = retryDelay(BACKOFF, attempts, Math.random());
      return { id, delay, attempts: attempts + 1, error };
    });
    await this.#database.query(PUT_BACK, [JSON.stringify(rows)], PLANNED);
    this.#log.warn("{count} messages stay in the outbox, the first for task {task}: {reason}", {
      count: failed.length,
      task: failed[0]?.entry.task_id,
      reason: rows[0]?.error,
    });
  }

  async #untilNext(): Promise<number> {
    const { isSteady } = this.#steadiness;
    const [next] = await this.#database.query<{ ms: number | null }>(NEXT_DUE, [isSteady], PLANNED);
    return Math.max(MIN_PAUSE_MS, Math.min(this.#pollMs, next?.ms ?? Infinity));
  }
}

function destinationsJson(destinations: readonly Destination[]): string {
  return JSON.stringify(
    destinations.map(({ exchange, routingKey }) => ({
      exchange: sanitizeText(exchange),
      routing_key: sanitizeText(routingKey),
    })),
  );
}

/** Number of attempts whose backoff adds up to this many seconds. */
function attemptsWithin(seconds: number): number {
  let attempts = 0;
  for (let waited = 0; waited < seconds; attempts++) {
    waited += retryDelay(BACKOFF, attempts, 0.5) ?? seconds;
  }
  return attempts;
}

function isEvent({ exchange }: Entry): boolean {
  return exchange === ENTRY_EXCHANGE;
}

/** An event is sent again to the inbox. */
function letter({ entry, reason }: Settled): DeadLetter {
  return letterOf(fromStored(entry), {
    reason: "unsendable",
    detail: reason instanceof Error ? reason.message : String(reason),
    queue: isEvent(entry) ? INBOX_QUEUE : entry.routing_key,
    worker: null,
    diedAt: new Date(),
  });
}
