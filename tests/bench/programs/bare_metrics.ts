/** Counts the tasks of the bare loop.
 * @module
 */
import { Counter, Histogram, Registry } from "prom-client";

/** A counter of each state and a histogram of durations. */
export class BareMetrics {
  readonly #registers = [new Registry()];
  readonly #received = this.#counter("received");
  readonly #settled = this.#counter("settled");
  readonly #seconds = new Histogram({
    name: "bare_seconds",
    help: "Durations",
    labelNames: ["task"],
    registers: this.#registers,
  });

  received(): void {
    this.#received.inc({ task: "add" });
  }

  ran(seconds: number): void {
    this.#seconds.observe({ task: "add" }, seconds);
  }

  settled(): void {
    this.#settled.inc({ task: "add", state: "SUCCESS" });
  }

  #counter(what: string): Counter {
    const labelNames = ["task", "state"];
    return new Counter({
      name: `bare_${what}`,
      help: what,
      labelNames,
      registers: this.#registers,
    });
  }
}
