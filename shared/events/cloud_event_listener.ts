/** Functions that every worker calls for an event, without a task and without a record. */
import type { z } from "zod";
import { refuseUnknownKeys } from "../contracts/known_keys.ts";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import type { CloudEvent } from "./cloud_event.ts";
import {
  type AttributeSchemas,
  conform,
  type EventContract,
  isEventContract,
} from "./event_contract.ts";
import { checkSelection, type Selection, type Where } from "./selection.ts";

const LISTENER = Symbol.for("celeriac.listener");

/** An event of a contract. */
export type EventOf<Data extends z.ZodType> = CloudEvent & { readonly data: z.output<Data> };

/** A function for events, and which events it receives. */
export interface CloudEventListener extends Selection {
  /** Called with each event; may return a promise.
   *
   * @throws {InvalidInput} when the event violates its contract */
  readonly receive: (event: CloudEvent) => unknown;
}

/** Options of {@linkcode onEach}. */
export interface CloudEventListenerOptions {
  /** Attributes that an event must have: equal values, or `null` for any. */
  where?: Where;
  /** Whether `all` (default) or `any` of the attributes in `where` must match. */
  match?: "all" | "any";
}

/** Calls a function in every worker for each event of a kind, such as one that clears a cache. Export the returned value from the handlers
 * module.
 *
 * There is no task, no record and no retry, and a worker misses the events that are sent while it is not connected. Use `on` for work that
 * must be done. The function runs in the worker's own process, never in a child process. If it throws, the worker logs the error.
 *
 * @param events the contract of the events, or a pattern of types
 * @param receive gets each event; with a contract, `data` as its schema parsed it
 * @throws {ConfigurationError} when the pattern is invalid
 *
 * @example
 * ```ts
 * import { onEach } from "./cloud_event_listener.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const prices = new Map([["apple", 3]]);
 * const cache = onEach("prices.*", (event) => prices.delete(event.subject ?? ""));
 * assertEquals(cache.patterns, ["prices.*"]);
 * ```
 */
export function onEach<Data extends z.ZodType = z.ZodType<unknown>>(
  events: EventContract<Data, AttributeSchemas> | string,
  receive: (event: EventOf<Data>) => unknown,
  options: CloudEventListenerOptions = {},
): CloudEventListener {
  const pattern = isEventContract(events) ? events.type : events as string;
  const doing = `listen to events '${pattern}'`;
  refuseUnknownKeys(options, ["where", "match"], { doing, within: "options" });
  const { where = {}, match = "all" } = options;
  if (typeof receive !== "function") {
    throw new ConfigurationError(
      `Cannot ${doing} because the second argument is no function: give (event) => { ... }`,
    );
  }
  const selection = { patterns: [pattern], where: { ...where }, match };
  try {
    checkSelection(selection);
  } catch (cause) {
    if (!(cause instanceof InvalidInput)) throw cause;
    throw new ConfigurationError(
      `Cannot ${doing} because of its ${cause.field}: ${cause.message}`,
      { cause },
    );
  }
  return Object.freeze({
    ...selection,
    receive: isEventContract(events)
      ? (event) => receive(parsed(events, event) as EventOf<Data>)
      : receive as (event: CloudEvent) => unknown,
    [LISTENER]: true,
  });
}

function parsed(contract: EventContract, event: CloudEvent): CloudEvent {
  const conforming = conform(contract, event);
  return contract.data ? { ...conforming, data: contract.data.parse(event.data) } : conforming;
}

/** Every listener that a module exports, alone or in an array. */
export function listenersOf(exports: Record<string, unknown>): CloudEventListener[] {
  return [...new Set(Object.values(exports).flat().filter(isListener))];
}

function isListener(value: unknown): value is CloudEventListener {
  return typeof value === "object" && value !== null && LISTENER in value;
}
