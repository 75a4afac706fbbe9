/** A service that repeats a round of work. */
import { getLogger } from "@logtape/logtape";
import { DatabaseUnavailable } from "../errors.ts";
import type { Service } from "./service.ts";

/** Options of a loop. */
export interface LoopOptions {
  /** Name for the log: `relay`. */
  readonly name: string;
  /** One round; resolves with the milliseconds to wait before the next. Errors are logged and the loop continues. */
  round(): Promise<number>;
  /** Milliseconds to wait after a failed round. Default 1,000. */
  readonly recoveryMs?: number;
}

/** Runs rounds until it is stopped; a running round finishes first. */
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

  /** Ends the current wait, or skips the next one if a round is running. */
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
      // The database logs its own outage, once.
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
