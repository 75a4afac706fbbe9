/** Exchanges, queues and bindings in memory. */
import type { Binding, Exchange } from "../declaration.ts";
import type { Message } from "../message.ts";
import { Latch } from "../../runtime/latch.ts";
import type { MemoryQueue } from "./queue.ts";
import { matches } from "./routing.ts";

/** The declared topology. Callers can wait for a queue or exchange that does not exist yet. */
export class MemoryTopology {
  readonly #exchanges = new Map<string, Latch<Exchange>>();
  readonly #queues = new Map<string, Latch<MemoryQueue>>();
  readonly #bindings = new Map<string, Binding[]>();

  queue(name: string): Latch<MemoryQueue> {
    return latchOf(this.#queues, name);
  }

  exchange(name: string): Latch<Exchange> {
    return latchOf(this.#exchanges, name);
  }

  /** Creates an exchange unless one of that name exists. */
  addExchange(exchange: Exchange): void {
    const latch = this.exchange(exchange.name);
    if (!latch.value) latch.set(exchange);
  }

  bind(binding: Binding): void {
    const bindings = this.#bindings.get(binding.exchange) ?? [];
    this.#bindings.set(binding.exchange, [...bindings, binding]);
  }

  /** Removes a queue and its bindings. */
  removeQueue(name: string): void {
    this.#queues.delete(name);
    for (const [exchange, bindings] of this.#bindings) {
      this.#bindings.set(exchange, bindings.filter(({ queue }) => queue !== name));
    }
  }

  /** Queues that a message is routed to, each once; `undefined` when the exchange does not exist. */
  route(message: Message): MemoryQueue[] | undefined {
    const { exchange: name, routingKey } = message;
    if (name === "") return [routingKey].flatMap((queue) => this.#queues.get(queue)?.value ?? []);
    const exchange = this.#exchanges.get(name)?.value;
    if (!exchange) return undefined;
    const bound = (this.#bindings.get(name) ?? []).filter((binding) =>
      matches(exchange.type, binding, message)
    );
    const names = new Set(bound.map(({ queue }) => queue));
    return [...names].flatMap((queue) => this.#queues.get(queue)?.value ?? []);
  }

  /** Rejects all waiting callers. */
  fail(reason: unknown): void {
    for (const latch of [...this.#exchanges.values(), ...this.#queues.values()]) latch.fail(reason);
  }
}

function latchOf<Value>(latches: Map<string, Latch<Value>>, name: string): Latch<Value> {
  const latch = latches.get(name) ?? new Latch<Value>();
  latches.set(name, latch);
  return latch;
}
