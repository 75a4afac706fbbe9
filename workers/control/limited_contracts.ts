/** Contracts with the limits that remote control has set. */
import type { Registry } from "../../shared/contracts/registry.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";

/** The app's contracts in this worker. Remote control can change their limits until the worker restarts. */
export class LimitedContracts {
  readonly #registry: Registry;
  readonly #changed = new Map<string, TaskContract>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  get(name: string): TaskContract | undefined {
    return this.#changed.get(name) ?? this.#registry.get(name);
  }

  /** The known name that is most similar to an unknown one. */
  suggest(name: string): string | undefined {
    return this.#registry.suggest(name);
  }

  /** Changes the time limits of future attempts. The limits of a message still take precedence. */
  setTimeLimit(name: string, timeLimit: TimeLimit): void {
    this.#change(name, (contract) => ({ ...contract, timeLimit: Object.freeze({ ...timeLimit }) }));
  }

  /** Changes the displayed rate limit. `RateLimits` enforces it. */
  setRateLimit(name: string, rateLimit: string | undefined): void {
    this.#change(name, ({ rateLimit: _, ...contract }) => ({
      ...contract,
      ...(rateLimit === undefined ? {} : { rateLimit }),
    }));
  }

  *[Symbol.iterator](): Generator<TaskContract> {
    for (const contract of this.#registry) yield this.#changed.get(contract.name) ?? contract;
  }

  #change(name: string, change: (contract: TaskContract) => TaskContract): void {
    const contract = this.get(name);
    if (contract) this.#changed.set(name, Object.freeze(change(contract)));
  }
}
