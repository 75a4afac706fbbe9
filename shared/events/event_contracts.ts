/** The event contracts of one app, by type. */
import { ConfigurationError } from "../errors.ts";
import { closest } from "../text/closest.ts";
import { invalid } from "./attributes.ts";
import type { CloudEvent } from "./cloud_event.ts";
import { conform, type EventContract, isEventContract } from "./event_contract.ts";

/** Contracts by unique type. */
export class EventContracts {
  readonly #contracts = new Map<string, EventContract>();

  /** @throws {ConfigurationError} when two contracts share a type */
  constructor(contracts: Iterable<EventContract> = []) {
    for (const contract of contracts) {
      const other = this.#contracts.get(contract.type);
      if (other === contract) continue;
      if (other) {
        throw new ConfigurationError(
          `Cannot register event '${contract.type}' because another contract has that type: rename one of them`,
        );
      }
      this.#contracts.set(contract.type, contract);
    }
  }

  /** Collects every event contract that a module exports, alone or in an array. There may be none.
   *
   * @throws {ConfigurationError} when two share a type */
  static fromModule(exports: Record<string, unknown>): EventContracts {
    return new EventContracts(Object.values(exports).flat().filter(isEventContract));
  }

  get(type: string): EventContract | undefined {
    return this.#contracts.get(type);
  }

  /** Checks events against their contracts; see {@linkcode conform}.
   *
   * @param options.open whether events without a contract are accepted. Default `false`
   * @returns the events, with attributes of the types that the contracts define
   * @throws {InvalidInput} for the first invalid one; of several events with its index, such as `[2].data.order` */
  check(events: readonly CloudEvent[], { open = false }: { open?: boolean } = {}): CloudEvent[] {
    return events.map((event, index) => {
      const at = events.length > 1 ? `[${index}].` : "";
      const contract = this.#contracts.get(event.type);
      if (contract) return conform(contract, event, at);
      if (open) return event;
      const near = closest(event.type, this.#contracts.keys());
      throw invalid("event", `no contract has type '${event.type}'`, {
        remedy: near
          ? `did you mean '${near}'?`
          : "export what defineEvent() returns from the contracts module",
        field: `${at}type`,
      });
    });
  }

  [Symbol.iterator](): Iterator<EventContract> {
    return this.#contracts.values();
  }
}
