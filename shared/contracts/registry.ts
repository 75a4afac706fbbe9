/** The contracts of one app, by name. */
import { closest } from "../text/closest.ts";
import { ConfigurationError } from "../errors.ts";
import { isContract, type TaskContract } from "./task.ts";

/** Contracts by unique name. */
export class Registry {
  readonly #contracts = new Map<string, TaskContract>();

  /** @throws {ConfigurationError} when two contracts share a name */
  constructor(contracts: Iterable<TaskContract>) {
    for (const contract of contracts) {
      const other = this.#contracts.get(contract.name);
      if (other === contract) continue;
      if (other) {
        throw new ConfigurationError(
          `Cannot register task '${contract.name}' because another contract has that name: rename one of them`,
        );
      }
      this.#contracts.set(contract.name, contract);
    }
  }

  /** Collects every contract that a module exports, alone or in an array.
   *
   * @throws {ConfigurationError} when there is none */
  static fromModule(exports: Record<string, unknown>, specifier: string): Registry {
    const found = Object.values(exports).flat().filter(isContract);
    if (found.length === 0) {
      throw new ConfigurationError(
        `Cannot use contracts module '${specifier}' because it exports no contract: export what defineTask() returns`,
      );
    }
    return new Registry(found);
  }

  get(name: string): TaskContract | undefined {
    return this.#contracts.get(name);
  }

  /** The known name closest to an unknown one. */
  suggest(name: string): string | undefined {
    return closest(name, this.#contracts.keys());
  }

  /** Distinct queues of the contracts. */
  get queues(): string[] {
    return [...new Set(Array.from(this, (contract) => contract.queue))].sort();
  }

  [Symbol.iterator](): Iterator<TaskContract> {
    return this.#contracts.values();
  }
}
