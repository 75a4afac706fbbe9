/** The `options` of a submission: what a caller may say about how a task is sent. */
import { z } from "zod";
import type { Headers, HeaderValue } from "../../shared/broker/message.ts";
import { checkHeaders } from "../../shared/broker/header_limit.ts";
import { isReservedHeader } from "../../shared/celery/headers.ts";
import { fitsProperty, MAX_PROPERTY } from "../../shared/celery/shape.ts";
import { InvalidInput } from "../../shared/errors.ts";
import type { SignatureOptions } from "../../shared/celery/signature.ts";
import { label } from "../http/label.ts";
import { refusal } from "../http/problem.ts";
import { strictRefusal } from "../http/strict_object.ts";
import { time } from "../http/time.ts";

/** Seconds of 100 years: what lies further off is a mistake. */
const COUNTDOWN_MAX = 100 * 366 * 86_400;

/** Seconds that fit the timers of JavaScript and of Celery (2^31 - 1 ms). */
const LIMIT_MAX = 2_147_483;

/** Bytes of all user headers on the wire: half of what a message has room for, as ours are in there too, and a dead letter's grounds. */
const HEADERS_MAX = 32 * 1024;

/** Characters of a header's name (AMQP 0-9-1, field tables). */
const HEADER_NAME_MAX = 128;

/** The schema, also of the OpenAPI document. */
export const Options = z.strictObject({
  task_id: label
    .refine(fitsProperty, `expected at most ${MAX_PROPERTY} bytes in UTF-8`)
    .describe("Id of the task; a UUIDv7 is made when absent"),
  queue: z.string().min(1).max(255)
    .describe("Another queue than the contract's: a contract's, or one of CELERIAC_FOREIGN_QUEUES"),
  priority: z.int().min(0).max(255).describe("RabbitMQ 4: 5 and above goes first"),
  countdown: z.number().min(0).max(COUNTDOWN_MAX).describe("Seconds to wait; not with `eta`"),
  eta: time.describe("Not to run before; not with `countdown`"),
  expires: z.union([z.number().min(0).max(COUNTDOWN_MAX), time], {
    error: "expected seconds, or ISO 8601 with a zone such as 2030-01-02T03:04:05+00:00",
  }).describe("Not to run after: seconds from now, or a time; what expires is REVOKED"),
  retries: z.int().min(0).max(1_000_000).describe("Failed attempts that count already"),
  time_limit: z.number().positive().max(LIMIT_MAX)
    .describe("Seconds after which an attempt is ended"),
  soft_time_limit: z.number().positive().max(LIMIT_MAX)
    .describe("Seconds after which an attempt is asked to end"),
  headers: z.record(z.string(), z.json())
    .describe("Headers of yours; not CC, BCC, x-* or a name of Celery's protocol"),
  ignore_result: z.boolean().describe("Keep no record of it"),
}).partial();

const WHAT = "the options";

/** Names of all options. */
export const OPTION_NAMES: readonly string[] = Object.keys(Options.shape);

/** Reads `options` as given.
 *
 * @throws {Problem} `invalid-input` naming every option that does not fit
 *
 * @example
 * ```ts
 * import { readOptions } from "./options.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(readOptions({ countdown: 5 }), { countdown: 5 });
 * assertThrows(() => readOptions({ countdwon: 5 }), Error, "did you mean 'countdown'");
 * ```
 */
export function readOptions(given: unknown): SignatureOptions {
  const parsed = Options.safeParse(given);
  if (!parsed.success) {
    throw strictRefusal(parsed.error, {
      what: WHAT,
      field: "options",
      known: OPTION_NAMES,
      unknown: "there is no such option",
    });
  }
  const { task_id, eta, expires, time_limit, soft_time_limit, ignore_result, headers, ...same } =
    parsed.data;
  if (eta !== undefined && same.countdown !== undefined) {
    const message = "expected either `eta` or `countdown`, not both";
    const fields = ["options.eta", "options.countdown"];
    throw refusal(WHAT, fields, (field) => ({ field, message }));
  }
  return {
    ...same,
    ...(task_id !== undefined && { taskId: task_id }),
    ...(eta !== undefined && { eta: new Date(eta) }),
    ...(expires !== undefined &&
      { expires: typeof expires === "string" ? new Date(expires) : expires }),
    ...(time_limit !== undefined && { timeLimit: time_limit }),
    ...(soft_time_limit !== undefined && { softTimeLimit: soft_time_limit }),
    ...(ignore_result !== undefined && { ignoreResult: ignore_result }),
    ...(headers !== undefined && { headers: readHeaders(headers) }),
  };
}

function readHeaders(headers: Record<string, unknown>): Headers {
  const wrong = Object.entries(headers).flatMap(([name, value]) => {
    const why = nameRefused(name) ??
      (hasWideInteger(value) ? "expected integers from -2^31 to 2^53 - 1" : undefined);
    return why === undefined ? [] : [{ field: `options.headers.${name}`, message: why }];
  });
  if (wrong.length > 0) throw refusal(WHAT, wrong, (error) => error);
  try {
    checkHeaders(headers as Headers, HEADERS_MAX);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const message = `expected at most ${HEADERS_MAX} bytes in all, as AMQP writes them`;
    throw refusal(WHAT, [message], (message) => ({ field: "options.headers", message }));
  }
  return headers as Record<string, HeaderValue>;
}

function nameRefused(name: string): string | undefined {
  if (name === "" || name.length > HEADER_NAME_MAX || !fitsProperty(name)) {
    return `expected a name of 1 to ${HEADER_NAME_MAX} characters, ${MAX_PROPERTY} bytes at most`;
  }
  return isReservedHeader(name)
    ? "'CC', 'BCC', 'x-death' and the like belong to the broker, and some names to Celery's protocol: choose another"
    : undefined;
}

/** AMQP writes integers below -2^31 in a form that Celery's client reads wrongly. */
function hasWideInteger(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) && value < -(2 ** 31);
  return typeof value === "object" && value !== null && Object.values(value).some(hasWideInteger);
}
