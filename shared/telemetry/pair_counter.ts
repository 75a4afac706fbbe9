/** A counter for what happens to every task. */
import { Counter, type Registry } from "./prometheus.ts";

/** Options of a {@linkcode PairCounter}. */
export interface PairCounterOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly [string, string];
  readonly registers: Registry[];
}

/** Counts by two labels. prom-client hashes the labels at each increment, which costs more than the rest of it, so it receives the sums when
 * it is read.
 *
 * @example
 * ```ts
 * import { PairCounter } from "./pair_counter.ts";
 * import { Registry } from "./prometheus.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const registry = new Registry();
 * const counter = new PairCounter({
 *   name: "tasks_total",
 *   help: "Tasks",
 *   labelNames: ["task", "outcome"],
 *   registers: [registry],
 * });
 * counter.inc("add", "success");
 * assertStringIncludes(await registry.metrics(), 'tasks_total{task="add",outcome="success"} 1');
 * ```
 */
export class PairCounter {
  /** Counts since the last read. */
  readonly #counts = new Map<string, Map<string, number>>();

  constructor({ labelNames: [first, second], ...options }: PairCounterOptions) {
    const pending = this.#counts;
    new Counter({
      ...options,
      labelNames: [first, second],
      collect() {
        for (const [one, counts] of pending) {
          for (const [other, count] of counts) this.inc({ [first]: one, [second]: other }, count);
        }
        pending.clear();
      },
    });
  }

  /** Adds one. */
  inc(first: string, second: string): void {
    const counts = this.#counts.get(first);
    if (counts) counts.set(second, (counts.get(second) ?? 0) + 1);
    else this.#counts.set(first, new Map([[second, 1]]));
  }
}
