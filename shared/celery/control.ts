/** Celery's remote control: commands to workers and their replies (kombu/pidbox.py). */
import type { Message } from "../broker/message.ts";
import { Malformed } from "../errors.ts";
import { readText } from "./body.ts";
import { parseJson, stringifyJson } from "./python_json.ts";
import { isObject } from "./shape.ts";

/** Exchange of remote control commands: fanout, NOT durable. */
export const CONTROL_EXCHANGE = "celery.pidbox";
/** Exchange of replies: direct, NOT durable. */
export const REPLY_EXCHANGE = "reply.celery.pidbox";

/** Maximum characters of a pattern of node names. */
const MAX_PATTERN = 255;

/** A command to workers. */
export interface ControlRequest {
  readonly method: string;
  readonly arguments: Record<string, unknown>;
  /** Node names; `null`: all nodes, or those that match the pattern. */
  readonly destination: readonly string[] | null;
  readonly pattern: string | null;
  /** Syntax of the pattern: `glob` or `pcre`. */
  readonly matcher: string | null;
  /** Repeated in the reply. */
  readonly ticket: string | null;
  /** Destination of the reply; `null`: no reply. */
  readonly replyTo: { readonly exchange: string; readonly routingKey: string } | null;
  /** The sender's Lamport clock. */
  readonly clock: number | null;
}

/** A command to send to workers. */
export interface ControlCommand {
  /** Name of the command, such as `ping`. */
  readonly method: string;
  /** Arguments by name. Default none. */
  readonly arguments?: Record<string, unknown>;
  /** Node names. Default: all. */
  readonly destination?: readonly string[];
  /** Destination and correlation id of the replies. Default: no replies. */
  readonly reply?: { readonly routingKey: string; readonly ticket: string };
  /** The sender's Lamport clock. Default 1. */
  readonly clock?: number;
}

/** Options of a revocation. */
export interface RevokeOptions {
  /** Terminate the task if it is running. Default `false`. */
  readonly terminate?: boolean;
  /** Default `SIGTERM`. */
  readonly signal?: string;
  /** The sender's Lamport clock. Default 1. */
  readonly clock?: number;
}

/** Writes the command that revokes tasks on all workers, Python and Celeriac.
 *
 * @example
 * ```ts
 * import { decodeControl, encodeRevoke, isAddressedTo } from "./control.ts";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const request = decodeControl(encodeRevoke(["e6034684"]));
 * assertEquals(request.method, "revoke");
 * assert(isAddressedTo(request, "celeriac@host"));
 * ```
 */
export function encodeRevoke(
  ids: readonly string[],
  { terminate = false, signal = "SIGTERM", clock = 1 }: RevokeOptions = {},
): Message {
  return encodeRequest({ method: "revoke", arguments: { task_id: ids, terminate, signal }, clock });
}

/** Writes a command, as kombu does. The exchange delivers it to all nodes; the addressed nodes reply to the reply exchange. */
export function encodeRequest(
  { method, arguments: given = {}, destination, reply, clock = 1 }: ControlCommand,
): Message {
  const request = {
    method,
    arguments: given,
    destination: destination?.length ? destination : null,
    pattern: null,
    matcher: null,
    ...(reply && {
      ticket: reply.ticket,
      reply_to: { exchange: REPLY_EXCHANGE, routing_key: reply.routingKey },
    }),
  };
  return message({ exchange: CONTROL_EXCHANGE, routingKey: "" }, { clock }, 2, request);
}

/** Reads a command.
 *
 * @throws {Malformed} when it has no method, or a field has the wrong type
 */
export function decodeControl({ headers, body }: Message): ControlRequest {
  const request = parseJson(readText(body, undefined));
  if (!isObject(request)) throw malformed("it is not an object");
  const { method, arguments: given, destination, reply_to: replyTo } = request;
  if (typeof method !== "string" || method === "") throw malformed("it has no 'method'");
  if (!isObject(given ?? {})) throw malformed("its 'arguments' are not an object");
  return {
    method,
    arguments: (given ?? {}) as Record<string, unknown>,
    destination: readDestination(destination),
    pattern: text(request, "pattern"),
    matcher: text(request, "matcher"),
    ticket: text(request, "ticket"),
    replyTo: isObject(replyTo)
      ? {
        exchange: text(replyTo, "exchange") ?? "",
        routingKey: text(replyTo, "routing_key") ?? "",
      }
      : null,
    clock: typeof headers["clock"] === "number" ? headers["clock"] : null,
  };
}

/** Whether a command addresses the node of this name, by kombu's rules: a destination takes precedence over a pattern, and a pattern
 * needs a matcher. An invalid pattern matches no node. */
export function isAddressedTo(request: ControlRequest, nodeName: string): boolean {
  const { destination, pattern, matcher } = request;
  if (destination) return destination.includes(nodeName);
  if (!pattern || !matcher) return true;
  if (pattern.length > MAX_PATTERN || !["glob", "pcre"].includes(matcher)) return false;
  try {
    // Python's fnmatch matches the whole name; its re.match is anchored only at the start.
    const source = matcher === "pcre" ? `^(?:${pattern})` : `^${globSource(pattern)}$`;
    return new RegExp(source, "s").test(nodeName);
  } catch {
    return false;
  }
}

/** Writes the reply to a command; `undefined` if it expects none. Publish it with `mandatory: false`, because the reply queue may no
 * longer exist. */
export function encodeReply(
  { replyTo, ticket }: ControlRequest,
  { nodeName, value, clock }: {
    readonly nodeName: string;
    /** JSON. */
    readonly value: unknown;
    /** The node's Lamport clock. */
    readonly clock: number;
  },
): Message | undefined {
  if (!replyTo) return undefined;
  return message(replyTo, { ticket, clock }, 1, { [nodeName]: value });
}

/** Reads a reply: values by node name.
 *
 * @throws {Malformed} when it is not an object */
export function decodeReply(
  { headers, body }: Message,
): { readonly ticket: string | null; readonly values: readonly (readonly [string, unknown])[] } {
  const reply = parseJson(readText(body, undefined));
  if (!isObject(reply)) {
    throw new Malformed("Cannot read control reply because it is not an object");
  }
  const ticket = headers["ticket"];
  return { ticket: typeof ticket === "string" ? ticket : null, values: Object.entries(reply) };
}

function message(
  destination: { exchange: string; routingKey: string },
  headers: Message["headers"],
  deliveryMode: 1 | 2,
  content: unknown,
): Message {
  return {
    exchange: destination.exchange,
    routingKey: destination.routingKey,
    properties: {
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode,
      priority: 0,
    },
    headers,
    body: new TextEncoder().encode(stringifyJson(content)),
  };
}

/** An empty list means all nodes, as in Celery. */
function readDestination(value: unknown): string[] | null {
  if (value === null || value === undefined) return null;
  const names = typeof value === "string" ? [value] : value;
  if (!Array.isArray(names)) throw malformed("its 'destination' is not a list");
  return names.length === 0 ? null : names.filter((name) => typeof name === "string");
}

function globSource(glob: string): string {
  return glob.replaceAll(/\[!?\]?[^\]]*\]|\*+|[^\w@]/g, (part) => {
    if (part.startsWith("*")) return ".*";
    if (part === "?") return ".";
    if (part.length < 3) return `\\${part}`;
    const set = part.slice(1, -1).replaceAll(/[\\[\]^]/g, "\\$&");
    return set.startsWith("!") ? `[^${set.slice(1)}]` : `[${set}]`;
  });
}

function text(value: Record<string, unknown>, key: string): string | null {
  const found = value[key];
  return typeof found === "string" ? found : null;
}

function malformed(reason: string): Malformed {
  return new Malformed(
    `Cannot read control request because ${reason}: send kombu's pidbox message`,
  );
}
