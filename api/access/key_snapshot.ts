/** All valid keys in memory, so that requests are checked without the database. */
import type { Service } from "../../shared/runtime/service.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { DatabaseUnavailable, Unavailable } from "../../shared/errors.ts";
import { Loop } from "../../shared/runtime/loop.ts";
import { pause, waitAtMost } from "../../shared/runtime/waits.ts";
import type { CheckedKey, KeyStore } from "./key_store.ts";

/** Options of a {@linkcode KeySnapshot}. */
export interface KeySnapshotOptions {
  readonly store: Pick<KeyStore, "checked" | "touch">;
  readonly clock: Clock;
  /** Milliseconds between two reads of the keys. Default 2,000: a revocation holds within 5 s in every process. */
  readonly refreshMs?: number;
}

const REFRESH_MS = 2000;
/** Minimum milliseconds between two reads because of an unknown id: unknown ids cost anyone nothing to send. */
const MISS_MS = 1000;
/** Maximum milliseconds that a request waits for such a read. */
const MISS_WAIT_MS = 2 * MISS_MS;
/** Milliseconds between two writes of the last use. */
const TOUCH_MS = 60_000;

/** Reads the keys again and again. While the database is away, the last ones stay valid until they expire. */
export class KeySnapshot implements Service {
  readonly #options: KeySnapshotOptions;
  readonly #loop: Loop;
  #keys: ReadonlyMap<string, CheckedKey> | undefined;
  #reading: Promise<void> | undefined;
  #readAt = -Infinity;
  #missed: Promise<void> | undefined;
  #used = new Map<string, Date>();
  #touchedAt = performance.now();

  constructor(options: KeySnapshotOptions) {
    this.#options = options;
    const { refreshMs = REFRESH_MS } = options;
    this.#loop = new Loop({
      name: "keys",
      round: async () => {
        await this.refresh();
        if (performance.now() - this.#touchedAt >= TOUCH_MS) await this.#touch();
        return refreshMs;
      },
      recoveryMs: refreshMs,
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await waitAtMost(MISS_WAIT_MS, this.#touch().catch(() => {}));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Finds a key that may authenticate a request. Reads the keys again if the id is unknown: another process may
   * have created it just now.
   *
   * @throws {Unavailable} when the keys could not be read since the start */
  async find(id: string): Promise<CheckedKey | undefined> {
    const known = this.#keys?.get(id);
    if (known) return known;
    this.#missed ??= this.#readSoon();
    await waitAtMost(MISS_WAIT_MS, this.#missed.catch(() => {}));
    if (this.#keys) return this.#keys.get(id);
    throw new Unavailable(
      "Cannot check the key because the database has not answered since the API started: try again later",
    );
  }

  /** Records a use; it is stored later. */
  use(id: string): void {
    this.#used.set(id, this.#options.clock.now());
  }

  /** Reads the keys as they are after this call. Concurrent calls share one read, but never one that has already begun: it may
   * lack the caller's change.
   *
   * @throws {DatabaseUnavailable} */
  async refresh(): Promise<void> {
    await this.#reading?.catch(() => {});
    this.#reading ??= this.#read().finally(() => this.#reading = undefined);
    await this.#reading;
  }

  /** Reads the keys when the last read began long enough ago. */
  async #readSoon(): Promise<void> {
    await pause(Math.max(0, this.#readAt + MISS_MS - performance.now()));
    // Later requests wait for another read: this one may lack their key.
    this.#missed = undefined;
    await this.refresh();
  }

  async #read(): Promise<void> {
    this.#readAt = performance.now();
    const keys = await this.#options.store.checked();
    this.#keys = new Map(keys.map((key) => [key.id, key]));
  }

  async #touch(): Promise<void> {
    const used = this.#used;
    this.#used = new Map();
    this.#touchedAt = performance.now();
    try {
      await this.#options.store.touch(used);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      this.#used = new Map([...used, ...this.#used]);
    }
  }
}
