/** Contracts of events: type, data and attributes of an event that an app publishes or accepts. */
import type { z } from "zod";
import { refuseUncarried } from "../contracts/json_schemas.ts";
import { refuseUnknownKeys } from "../contracts/known_keys.ts";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import { type AttributeValue, checkAttributeName, CORE, invalid } from "./attributes.ts";
import { type CloudEvent, cloudEvent } from "./cloud_event.ts";
import { checkType } from "./pattern.ts";

const EVENT = Symbol.for("celeriac.event");

/** Schemas of extension attributes by name. */
export type AttributeSchemas = Readonly<Record<string, z.ZodType<AttributeValue | undefined>>>;

/** Argument of {@linkcode defineEvent}. */
export interface EventDefinition<Data extends z.ZodType, Schemas extends AttributeSchemas> {
  /** The type of the events, unique in the app: words between dots, at most 255 bytes, such as `orders.eu.paid`. */
  type: string;
  /** Schema of the payload. Default: any. */
  data?: Data;
  /** Schemas of the extension attributes, by which subscribers select events: lower-case names, values of text, boolean or a 32-bit
   * integer. Default: none; others are accepted unchecked. */
  attributes?: Schemas;
  /** One line for the reference page. */
  summary?: string;
  /** Payload shown in the reference page. */
  example?: z.input<Data>;
}

/** An event's contract: frozen. Publishers and subscribers share it. */
export interface EventContract<
  Data extends z.ZodType = z.ZodType,
  Schemas extends AttributeSchemas = AttributeSchemas,
> {
  /** As {@linkcode EventDefinition.type}. */
  readonly type: string;
  /** Schema of the payload. */
  readonly data?: Data;
  /** Schemas of the extension attributes. */
  readonly attributes: Schemas;
  /** One line for the reference page. */
  readonly summary?: string;
  /** Payload shown in the reference page. */
  readonly example?: z.input<Data>;
}

const KEYS: Readonly<Record<keyof EventDefinition<z.ZodType, AttributeSchemas>, true>> = {
  type: true,
  data: true,
  attributes: true,
  summary: true,
  example: true,
};

const SYNONYMS = {
  name: "type",
  payload: "data",
  schema: "data",
  input: "data",
  extensions: "attributes",
};

/** Defines an event's contract. Export the returned value from the contracts module.
 *
 * @throws {ConfigurationError} when its type, an attribute or a schema is invalid
 *
 * @example
 * ```ts
 * import { defineEvent, z } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const orderPaid = defineEvent({
 *   type: "orders.eu.paid",
 *   data: z.object({ order: z.string() }),
 *   attributes: { tenant: z.string() },
 * });
 * assertEquals(orderPaid.type, "orders.eu.paid");
 * ```
 */
export function defineEvent<
  Data extends z.ZodType = z.ZodUnknown,
  Schemas extends AttributeSchemas = Record<never, never>,
>(definition: EventDefinition<Data, Schemas>): EventContract<Data, Schemas> {
  const type: unknown = definition?.type;
  const doing = `define event '${type}'`;
  const refuse = (reason: string, cause?: unknown) =>
    new ConfigurationError(`Cannot ${doing} because ${reason}`, { cause });
  refuseUnknownKeys(definition, Object.keys(KEYS), { doing, synonyms: SYNONYMS });
  const { data, attributes = {} as Schemas } = definition;
  try {
    checkType(type);
    Object.keys(attributes).forEach((name) => checkAttributeName(name));
  } catch (cause) {
    if (!(cause instanceof InvalidInput)) throw cause;
    throw refuse(`of its ${cause.field}: ${cause.message}`, cause);
  }
  for (const [name, schema] of Object.entries<unknown>({ ...(data && { data }), ...attributes })) {
    if (CORE.includes(name)) {
      throw refuse(`CloudEvents defines attribute '${name}': leave it out of \`attributes\``);
    }
    if ((schema as z.ZodType)?.def === undefined) {
      throw refuse(`its ${name} is not a zod schema: write one, such as z.string()`);
    }
    refuseUncarried(`event '${type}'`, "input", schema as z.ZodType);
  }
  return Object.freeze({
    ...definition,
    attributes: Object.freeze({ ...attributes }),
    [EVENT]: true,
  });
}

/** Whether a value is a contract of an event, even of another copy of this package. */
export function isEventContract(value: unknown): value is EventContract {
  return typeof value === "object" && value !== null && EVENT in value;
}

/** Checks an event against its contract.
 *
 * In the binary mode of HTTP every attribute is text. If the contract's schema refuses a text such as `3` or `true`, it gets the number or
 * the boolean, and the returned event has that.
 *
 * @param at prefix of the fields in errors, such as `[2].` for the third event of a batch
 * @throws {InvalidInput} naming the attribute, or the part of the data, such as `data.items.0.price`
 *
 * @example
 * ```ts
 * import { conform, defineEvent } from "./event_contract.ts";
 * import { cloudEvent } from "./cloud_event.ts";
 * import { z } from "zod";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const paid = defineEvent({ type: "orders.paid", data: z.object({ order: z.string() }), attributes: { count: z.int() } });
 * const event = cloudEvent({ specversion: "1.0", id: "1", source: "/s", type: "orders.paid", count: "3", data: { order: "17" } });
 * assertEquals(conform(paid, event).count, 3);
 * assertThrows(() => conform(paid, { ...event, data: {} }), Error, "its data.order is invalid");
 * ```
 */
export function conform(contract: EventContract, event: CloudEvent, at = ""): CloudEvent {
  const { data, attributes } = contract;
  const typed: Record<string, AttributeValue> = {};
  for (const [name, schema] of Object.entries(attributes)) {
    const value = valueFor(schema, event[name]);
    const { error } = schema.safeParse(value);
    if (error) throw violation(error, name, at, contract.type);
    if (value !== event[name]) typed[name] = value as AttributeValue;
  }
  const checked = data?.safeParse(event.data);
  if (checked?.error) throw violation(checked.error, "data", at, contract.type);
  return Object.keys(typed).length === 0 ? event : cloudEvent({ ...event, ...typed }, at);
}

function valueFor(schema: z.ZodType, value: unknown): unknown {
  if (typeof value !== "string" || schema.safeParse(value).success) return value;
  const scalar = /^(?:true|false|0|-?[1-9]\d{0,9})$/.test(value) ? JSON.parse(value) : value;
  return schema.safeParse(scalar).success ? scalar : value;
}

function violation(
  { issues: [issue] }: z.ZodError,
  name: string,
  at: string,
  type: string,
): InvalidInput {
  const field = [name, ...issue?.path.map(String) ?? []].join(".");
  return invalid("event", `its ${field} is invalid for type '${type}' (${issue?.message})`, {
    remedy: "correct it, see GET /v1/events/types",
    field: `${at}${field}`,
  });
}
