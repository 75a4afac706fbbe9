/** Values that AMQP headers can hold, and their form at the receiver. */
import { InvalidInput } from "../errors.ts";
import type { Headers, HeaderValue } from "./message.ts";

const INT64 = 2n ** 63n;

/** Checks a header's number.
 *
 * @throws {InvalidInput} for NaN and infinities: RabbitMQ closes the connection when it reads one */
export function checkNumber(value: number, path: string): number {
  if (Number.isFinite(value)) return value;
  throw unencodable(path, `RabbitMQ cannot read ${value}`);
}

/** Checks a header's integer, and converts it to a number if that is exact.
 *
 * @throws {InvalidInput} when it needs more than 64 bits or is below -2^53: older Celery versions read 64-bit integers as unsigned */
export function checkInteger(value: bigint, path: string): number | bigint {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  if (value > 0n && value < INT64) return value;
  throw unencodable(path, `no integer type that every client reads correctly holds ${value}`);
}

/** Seconds since the epoch, rounded down: AMQP timestamps have no fractions.
 *
 * @throws {InvalidInput} when the date is invalid or before 1970 */
export function amqpSeconds(date: Date, path: string): number {
  const seconds = Math.floor(date.getTime() / 1000);
  if (seconds >= 0) return seconds;
  throw unencodable(path, "its date is invalid or before 1970");
}

/** Whether a header is a table of headers. */
export function isTable(value: HeaderValue | undefined): value is Headers {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

/** Headers as the receiver gets them: a copy without undefined values, with dates in whole seconds.
 *
 * @throws {InvalidInput} for a value that AMQP cannot represent
 *
 * @example
 * ```ts
 * import { normalizeHeaders } from "./headers.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeHeaders({ retries: 3n }), { retries: 3 });
 * ```
 */
export function normalizeHeaders(headers: Headers): Headers {
  return normalizeTable(headers, "");
}

function normalizeTable(table: Headers, prefix: string): Headers {
  return Object.fromEntries(
    Object.entries(table).filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, normalizeValue(value, `${prefix}${name}`)]),
  );
}

function normalizeValue(value: HeaderValue, path: string): HeaderValue {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return checkNumber(value, path);
    case "bigint":
      return checkInteger(value, path);
  }
  if (value === null) return null;
  if (value instanceof Date) return new Date(amqpSeconds(value, path) * 1000);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (!Array.isArray(value)) return normalizeTable(value, `${path}.`);
  return value.map((item, index) => normalizeValue(item ?? null, `${path}[${index}]`));
}

function unencodable(path: string, why: string): InvalidInput {
  return new InvalidInput(`Cannot send header '${path}' because ${why}: send it as text`, path);
}
