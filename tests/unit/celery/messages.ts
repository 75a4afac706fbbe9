/** Captured Celery messages that tests can modify. */
import type { Headers, Message, Properties } from "../../../shared/broker/message.ts";

/** Headers that Celery 5.7.0 sent for `add.apply_async((2, 2), countdown=10, expires=120, queue="cap")`. */
export const CAPTURED_HEADERS: Headers = {
  lang: "py",
  task: "proj.tasks.add",
  id: "e6034684",
  shadow: null,
  eta: "2026-11-23T16:20:37.160942+00:00",
  expires: "2026-11-23T16:22:27.160942+00:00",
  group: null,
  group_index: null,
  retries: 0,
  timelimit: [null, null],
  root_id: "e6034684",
  parent_id: null,
  argsrepr: "(2, 2)",
  kwargsrepr: "{}",
  origin: "gen27346@vm",
  ignore_result: false,
  replaced_task_nesting: 0,
  stamped_headers: null,
  stamps: {},
};

/** Properties of the same message. */
export const CAPTURED_PROPERTIES: Properties = {
  contentType: "application/json",
  contentEncoding: "utf-8",
  deliveryMode: 2,
  correlationId: "e6034684",
  replyTo: "b7f0fc1f-7769-3eb8-8844-3f2123c84322",
  expiration: "120000",
};

/** Its body. */
export const CAPTURED_BODY = [
  [2, 2],
  {},
  { callbacks: null, errbacks: null, chain: null, chord: null },
];

/** Changes to the captured message. */
export interface Variation {
  /** Changed headers; `undefined` removes one. */
  headers?: Record<string, unknown>;
  properties?: Partial<Record<keyof Properties, unknown>>;
  /** Bytes, a string, or a value to write as JSON. */
  body?: unknown;
}

/** The captured message with changes. */
export function captured({ headers = {}, properties = {}, body }: Variation = {}): Message {
  return {
    exchange: "",
    routingKey: "cap",
    properties: present({ ...CAPTURED_PROPERTIES, ...properties }),
    headers: present({ ...CAPTURED_HEADERS, ...headers }),
    body: bytes(body === undefined ? CAPTURED_BODY : body),
  };
}

/** A message of protocol 1: no headers, everything in the body. */
export function protocol1(body: unknown, properties: Properties = CAPTURED_PROPERTIES): Message {
  return { exchange: "", routingKey: "cap", properties, headers: {}, body: bytes(body) };
}

function bytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

function present<Type>(record: Record<string, unknown>): Type {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  ) as Type;
}
