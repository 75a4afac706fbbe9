/** Passing signals on to a child process. */
import type { Launched } from "./launched.ts";

/** Signals closer together than this are one, milliseconds: under `deno task` a Ctrl-C comes twice. */
const TWIN_MS = 500;

/** Signals that end the program. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** Passes SIGINT and SIGTERM on to the child that runs at the time. A third one kills it: a handler that never pauses
 * keeps its process from noticing the first two. */
export class SignalRelay implements Disposable {
  /** The process that runs now, if any. */
  target: Launched | undefined;
  readonly #stopping = new AbortController();
  readonly #listeners = new Map<Deno.Signal, () => void>();
  #count = 0;
  #last = -Infinity;

  constructor() {
    for (const signal of SIGNALS) {
      const listener = () => this.#received(signal);
      this.#listeners.set(signal, listener);
      Deno.addSignalListener(signal, listener);
    }
  }

  /** Aborted at the first signal. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  #received(signal: Deno.Signal): void {
    const now = performance.now();
    const twin = now - this.#last < TWIN_MS;
    this.#last = now;
    if (twin) return;
    this.#count++;
    this.target?.signal(this.#count < 3 ? signal : "SIGKILL");
    this.#stopping.abort();
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
