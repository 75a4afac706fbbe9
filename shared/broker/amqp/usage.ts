/** Counts messages and bytes, for limits.
 * @module
 */
import type { Message } from "../message.ts";

/** A limit on messages and bytes. The last body may exceed `bytes`, so a single message always fits. */
export interface Limit {
  readonly messages: number;
  /** Total size of bodies. */
  readonly bytes: number;
}

/** Counts the messages held, and the bytes of their bodies.
 *
 * @example
 * ```ts
 * import { Usage } from "./usage.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const usage = new Usage();
 * const message = { exchange: "", routingKey: "q", properties: {}, headers: {}, body: new Uint8Array(10) };
 * usage.add(message);
 * assertEquals(usage.reaches({ messages: 2, bytes: 11 }), false);
 * assertEquals(usage.reaches({ messages: 2, bytes: 10 }), true);
 * usage.remove(message);
 * assertEquals(usage.messages, 0);
 * ```
 */
export class Usage {
  #messages = 0;
  #bytes = 0;

  get messages(): number {
    return this.#messages;
  }

  add({ body }: Pick<Message, "body">): void {
    this.#messages++;
    this.#bytes += body.length;
  }

  remove({ body }: Pick<Message, "body">): void {
    this.#messages--;
    this.#bytes -= body.length;
  }

  clear(): void {
    this.#messages = 0;
    this.#bytes = 0;
  }

  reaches({ messages, bytes }: Limit): boolean {
    return this.#messages >= messages || this.#bytes >= bytes;
  }
}
