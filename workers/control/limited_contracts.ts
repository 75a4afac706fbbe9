/** Contracts with the time limits that remote control has given them. */
import type { Registry } from "../../shared/contracts/registry.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";

/** The app's contracts as this worker keeps them: remote control may change their limits until it restarts. */
export class LimitedContracts {
  readonly #registry: Registry;
  readonly #changed = new Map<string, TaskContract>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  get(name: string): TaskContract | undefined {
    return this.#changed.get(name) ?? this.#registry.get(name);
  }

  /** The known name nearest to one that is not known. */
  suggest(name: string): string | undefined {
    return this.#registry.suggest(name);
  }

  /** Changes the limits of attempts to come; what a message says still wins. */
  setTimeLimit(name: string, timeLimit: TimeLimit): void {
    this.#change(name, (contract) => ({ ...contract, timeLimit: Object.freeze({ ...timeLimit }) }));
  }

  /** Changes what the contract tells of its rate; `RateLimits` gives the turns. */
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
