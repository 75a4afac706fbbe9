/** Reads the parts of `top` from the API. */
import type { Config } from "../../shared/config/settings.ts";
import { CeleriacError, Unavailable } from "../../shared/errors.ts";
import { request } from "../api_client.ts";
import { type QueueSeries, ratesOf } from "./rates.ts";
import {
  type Part,
  PARTS,
  type QueueDepth,
  type Rates,
  type Snapshot,
  UNREAD,
  type WorkerLoad,
} from "./snapshot.ts";

/** Milliseconds after which the API counts as away. */
const TIMEOUT_MS = 10_000;

/** Milliseconds of series that are read: the last minute, and the begin of the one before. */
const SERIES_MS = 120_000;

/** Keeps the last reading of each part. */
export class TopReader {
  readonly #config: Config;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  #queues: Part<readonly QueueDepth[]> = UNREAD;
  #workers: Part<readonly WorkerLoad[]> = UNREAD;
  #rates: Part<Rates> = UNREAD;
  /** Time of the API, minus that of this machine; milliseconds. */
  #ahead = 0;

  /** @param signal ends all reads
   * @param options.timeoutMs milliseconds after which the API counts as away. Default 10 s */
  constructor(config: Config, signal: AbortSignal, { timeoutMs = TIMEOUT_MS } = {}) {
    this.#config = config;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  /** The last readings. */
  get snapshot(): Snapshot {
    return {
      url: this.#config.url,
      queues: this.#queues,
      workers: this.#workers,
      rates: this.#rates,
    };
  }

  /** Reads all parts once.
   *
   * @throws the error, if no part could be read */
  async readAll(): Promise<void> {
    await Promise.all([this.readQueues().then(() => this.readRates()), this.readWorkers()]);
    const { snapshot } = this;
    const errors = PARTS.map((part) => snapshot[part].error);
    if (errors.every((error) => error !== null)) throw errors[0];
  }

  /** Reads the depth of queues. An error becomes part of the snapshot, as in the other reads. */
  async readQueues(): Promise<void> {
    this.#queues = await this.#read(this.#queues, async () => {
      const { at, queues } = await this.#get<{ at: string; queues: QueueDepth[] }>("/v1/queues");
      this.#ahead = Date.parse(at) - Date.now() || 0;
      return queues;
    });
  }

  /** Reads workers and running tasks, which takes a second. */
  async readWorkers(): Promise<void> {
    this.#workers = await this.#read(this.#workers, async () => {
      return (await this.#get<{ workers: WorkerLoad[] }>("/v1/workers")).workers;
    });
  }

  /** Reads the rates of the last minute. Workers report every ten seconds. */
  async readRates(): Promise<void> {
    this.#rates = await this.#read(this.#rates, async () => {
      const since = new Date(Date.now() + this.#ahead - SERIES_MS).toISOString();
      const path = `/v1/series?by=queue&step=60&since=${encodeURIComponent(since)}`;
      return ratesOf(await this.#get<QueueSeries>(path));
    });
  }

  async #get<Body>(path: string): Promise<Body> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const signal = AbortSignal.any([this.#signal, timeout]);
    try {
      return await request<Body>(this.#config, path, { signal });
    } catch (cause) {
      if (!timeout.aborted) throw cause;
      throw new Unavailable(
        `Cannot reach the API at ${this.#config.url} because it has not answered within ${
          this.#timeoutMs / 1000
        } s: see its log`,
        { cause },
      );
    }
  }

  async #read<Value>(before: Part<Value>, read: () => Promise<Value>): Promise<Part<Value>> {
    try {
      return { value: await read(), at: new Date(), error: null };
    } catch (error) {
      if (!(error instanceof CeleriacError)) throw error;
      return { ...before, error };
    }
  }
}
