/** A service that does the same again and again. */
import { getLogger } from "@logtape/logtape";
import { DatabaseUnavailable } from "../errors.ts";
import type { Service } from "./service.ts";

/** What a loop does. */
export interface LoopOptions {
  /** For the log: `relay`. */
  readonly name: string;
  /** One round; resolves with the milliseconds to rest before the next. What it throws is logged, and the loop goes on. */
  round(): Promise<number>;
  /** Milliseconds to rest after a round that failed. Default 1,000. */
  readonly recoveryMs?: number;
}

/** Runs rounds until it is stopped; a round in hand is finished first. */
export class Loop implements Service {
  readonly #options: LoopOptions;
  readonly #log;
  #running: Promise<void> | undefined;
  #stopping = false;
  #woken = false;
  #wake = () => {};

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#log = getLogger(["celeriac", options.name]);
  }

  async start(): Promise<void> {
    if (this.#stopping) await this.#running;
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopping = true;
    this.wake();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Ends the present rest, or the next one if a round is in hand. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      await this.#rest(await this.#round());
    }
    this.#stopping = false;
    this.#running = undefined;
  }

  async #round(): Promise<number> {
    const { name, round, recoveryMs = 1000 } = this.#options;
    try {
      return await round();
    } catch (error) {
      // The database says itself that it is away, once.
      if (!(error instanceof DatabaseUnavailable)) {
        this.#log.error("A round of the {name} failed: {error}", { name, error });
      }
      return recoveryMs;
    }
  }

  async #rest(ms: number): Promise<void> {
    if (this.#woken) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }
}
