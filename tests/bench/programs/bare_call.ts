/** Reads messages for the bare loop.
 * @module
 */
import type amqp from "amqplib";

/** A message from the queue. */
export type Delivery = amqp.ConsumeMessage;

/** A task that runs. */
export interface TaskCall {
  readonly delivery: Delivery;
  readonly id: string;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly argsRepr: string;
  readonly kwargsRepr: string;
  /** JSON text. */
  result: string;
  startedAt?: string;
}

/** The headers that the API sends besides `task` and `id`. */
export function headersOf(id: string): Record<string, unknown> {
  const reprs = { argsrepr: "(1, 2)", kwargsrepr: "{}" };
  return { lang: "js", root_id: id, ...reprs, origin: "bare@localhost" };
}

/** Reads a message.
 *
 * @param decodes whether to decode and check it; otherwise only its correlation id is read
 * @throws if it is not a task message of protocol 2 */
export function readCall(delivery: Delivery, decodes: boolean): TaskCall {
  const { properties, content } = delivery;
  if (!decodes) return { ...CALL, delivery, id: String(properties.correlationId) };
  if (properties.contentType !== "application/json") throw new TypeError("not JSON");
  const { id, task, argsrepr, kwargsrepr, retries = 0, eta = null, expires = null } =
    properties.headers ?? {};
  if (!isName(id) || !isName(task)) throw new TypeError("no id or no name");
  if (!isName(argsrepr) || !isName(kwargsrepr)) throw new TypeError("no representations");
  if (typeof retries !== "number" || eta !== null || expires !== null) {
    throw new TypeError("not a first attempt that is due");
  }
  const body: unknown = JSON.parse(content.toString());
  if (!Array.isArray(body) || body.length !== 3) throw new TypeError("not a list of three");
  const [args, kwargs, embed] = body;
  if (!Array.isArray(args) || !isObject(kwargs) || !isObject(embed)) {
    throw new TypeError("no args, kwargs or embed");
  }
  for (const name of ["callbacks", "errbacks", "chain", "chord"]) {
    if (embed[name] !== null) throw new TypeError("has followers");
  }
  const reprs = { argsRepr: argsrepr, kwargsRepr: kwargsrepr };
  return { ...CALL, delivery, id, name: task, args, kwargs, ...reprs };
}

/** Without the message: what the tasks of all rounds have in common. */
const CALL = {
  name: "add",
  args: [1, 2],
  kwargs: {},
  argsRepr: "(1, 2)",
  kwargsRepr: "{}",
  result: "3",
};

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= 255;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
