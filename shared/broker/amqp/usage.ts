/** How much lies somewhere, in messages and in bytes.
 * @module
 */
import type { Message } from "../message.ts";

/** What may lie somewhere; the bytes of the last body are not counted, so that a single one always fits. */
export interface Limit {
  readonly messages: number;
  /** Of bodies. */
  readonly bytes: number;
}

/** Keeps count of messages that come and go.
 *
 * @example
 * ```ts
 * import { Usage } from "./usage.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const load = new Usage();
 * const message = { exchange: "", routingKey: "q", properties: {}, headers: {}, body: new Uint8Array(10) };
 * load.add(message);
 * assertEquals(load.reaches({ messages: 2, bytes: 11 }), false);
 * assertEquals(load.reaches({ messages: 2, bytes: 10 }), true);
 * load.remove(message);
 * assertEquals(load.messages, 0);
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
