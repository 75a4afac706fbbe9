/** What headers a broker can carry, and how they arrive. */
import { InvalidInput } from "../errors.ts";
import type { Headers, HeaderValue } from "./message.ts";

const INT64 = 2n ** 63n;

/** A number that can be carried.
 *
 * @throws {InvalidInput} for NaN and the infinities: RabbitMQ closes the whole connection when it reads one */
export function carriedNumber(value: number, path: string): number {
  if (Number.isFinite(value)) return value;
  throw uncarried(path, `${value} is no number that RabbitMQ can read`);
}

/** An integer that can be carried: as a number where that is exact.
 *
 * @throws {InvalidInput} when it needs more than 64 bits, or is below -2^53: older Celery reads 64 bits as unsigned */
export function carriedInteger(value: bigint, path: string): number | bigint {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  if (value > 0n && value < INT64) return value;
  throw uncarried(path, `${value} fits no integer that every client reads right`);
}

/** Seconds since the epoch: AMQP's timestamps know no fractions.
 *
 * @throws {InvalidInput} when the date is invalid or before 1970 */
export function carriedSeconds(date: Date, path: string): number {
  const seconds = Math.floor(date.getTime() / 1000);
  if (seconds >= 0) return seconds;
  throw uncarried(path, "its date is invalid or before 1970");
}

/** Whether a header is a table of headers. */
export function isTable(value: HeaderValue | undefined): value is Headers {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

/** Headers as they arrive at the other end: a copy without what is undefined, dates in whole seconds.
 *
 * @throws {InvalidInput} for what cannot be carried
 *
 * @example
 * ```ts
 * import { carried } from "./headers.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(carried({ retries: 3n }), { retries: 3 });
 * ```
 */
export function carried(headers: Headers): Headers {
  return carriedTable(headers, "");
}

function carriedTable(table: Headers, prefix: string): Headers {
  return Object.fromEntries(
    Object.entries(table).filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, carriedValue(value, `${prefix}${name}`)]),
  );
}

function carriedValue(value: HeaderValue, path: string): HeaderValue {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return carriedNumber(value, path);
    case "bigint":
      return carriedInteger(value, path);
  }
  if (value === null) return null;
  if (value instanceof Date) return new Date(carriedSeconds(value, path) * 1000);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (!Array.isArray(value)) return carriedTable(value, `${path}.`);
  return value.map((item, index) => carriedValue(item ?? null, `${path}[${index}]`));
}

function uncarried(path: string, why: string): InvalidInput {
  return new InvalidInput(`Cannot send header '${path}' because ${why}: send it as text`, path);
}
