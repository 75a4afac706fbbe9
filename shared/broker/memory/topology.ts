/** Exchanges, queues and bindings in memory. */
import type { Binding, Exchange } from "../declaration.ts";
import type { Message } from "../message.ts";
import { Latch } from "../../runtime/latch.ts";
import type { MemoryQueue } from "./queue.ts";
import { matches } from "../routing.ts";

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
    if (!this.#exchanges.get(name)?.value) return undefined;
    const queues = [...this.#queuesBelow(name, message)];
    return queues.flatMap((queue) => this.#queues.get(queue)?.value ?? []);
  }

  /** Names of the queues that an exchange routes to, directly or through other exchanges. Each exchange routes a message once, so
   * bindings may form a cycle. */
  #queuesBelow(first: string, message: Message): Set<string> {
    const queues = new Set<string>();
    const visited = new Set([first]);
    // A set's iteration includes the exchanges that are added to it meanwhile.
    for (const name of visited) {
      const exchange = this.#exchanges.get(name)?.value;
      if (!exchange) continue;
      for (const binding of this.#bindings.get(name) ?? []) {
        if (!matches(exchange.type, binding, message)) continue;
        if (binding.queue === undefined) visited.add(binding.toExchange);
        else queues.add(binding.queue);
      }
    }
    return queues;
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
