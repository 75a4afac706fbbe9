/** `context.log`: log lines with the task's name and id. */
import { getLogger, type LogLevel } from "@logtape/logtape";
import { isError } from "../../shared/runtime/thrown.ts";
import type { TaskLog } from "./context.ts";

/** Creates the log of one task. It accepts the same arguments as `console`: nothing is dropped, and no argument makes it throw.
 *
 * - `{name}` in a message stands for the property `name`; other braces are text.
 * - A second argument that is not a plain object becomes the property `error` or `value`; further arguments follow the message. */
export function taskLog({ id, task }: { readonly id: string; readonly task: string }): TaskLog {
  const category = ["celeriac", "task", task];
  const at = (level: LogLevel) => (message: unknown, ...rest: readonly unknown[]) => {
    const logger = getLogger(category);
    if (!logger.isEnabledFor(level)) return;
    const { template, properties } = logLine(message, rest);
    logger.emit({
      level,
      timestamp: Date.now(),
      message: filled(`[${id}] `, template, properties),
      rawMessage: `[{task_id}] ${template}`,
      properties: { task_id: id, ...properties },
    });
  };
  return { debug: at("debug"), info: at("info"), warn: at("warning"), error: at("error") };
}

/** A message and its properties. */
export interface LogLine {
  readonly template: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Reads the arguments of a log call.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { logLine } from "./task_log.ts";
 *
 * assertEquals(logLine("Paid {order}", [{ order: 7 }]), {
 *   template: "Paid {order}",
 *   properties: { order: 7 },
 * });
 * assertEquals(logLine("rows", [[1, 2]]), { template: "rows", properties: { value: [1, 2] } });
 * ```
 */
export function logLine(message: unknown, rest: readonly unknown[]): LogLine {
  const [first, ...others] = rest;
  const values: [string, unknown][] = [];
  if (typeof message !== "string") values.push([nameOf(message), message]);
  if (rest.length > 0 && !isPlainObject(first)) values.push([nameOf(first), first]);
  for (const other of others) values.push([nameOf(other), other]);
  const properties: Record<string, unknown> = Object.create(null);
  if (isPlainObject(first)) copy(first, properties);
  for (const [name, value] of values) {
    let free = name;
    for (let count = 2; free in properties; count++) free = `${name}${count}`;
    properties[free] = readable(value);
  }
  return { template: typeof message === "string" ? message : "", properties: { ...properties } };
}

/** Alternating text and values, as in a log record. */
function filled(
  prefix: string,
  template: string,
  properties: Readonly<Record<string, unknown>>,
): unknown[] {
  const parts: unknown[] = [];
  let text = prefix;
  let end = 0;
  for (const match of template.matchAll(/\{([^{}]+)\}/g)) {
    const [whole, name = ""] = match;
    if (!Object.hasOwn(properties, name)) continue;
    parts.push(text + template.slice(end, match.index), properties[name]);
    text = "";
    end = match.index + whole.length;
  }
  parts.push(text + template.slice(end));
  return parts;
}

function nameOf(value: unknown): string {
  return isError(value) ? "error" : "value";
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
  } catch {
    return false;
  }
}

/** Replaces a revoked proxy, because some log libraries drop a line that contains one. */
function readable(value: unknown): unknown {
  try {
    if (typeof value === "object" && value !== null) Object.getPrototypeOf(value);
    return value;
  } catch (error) {
    return `(cannot be read: ${String(error)})`;
  }
}

/** Copies own properties. A property that cannot be read gets a text that says so. */
function copy(from: Record<string, unknown>, to: Record<string, unknown>): void {
  for (const name of Object.keys(from)) {
    try {
      to[name] = readable(from[name]);
    } catch (error) {
      to[name] = `(cannot be read: ${String(error)})`;
    }
  }
}
