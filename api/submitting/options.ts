/** The `options` of a submission. */
import { z } from "zod";
import type { Headers, HeaderValue } from "../../shared/broker/message.ts";
import { checkHeaders } from "../../shared/broker/header_limit.ts";
import { SUBMITTER_HEADER } from "../../shared/results/submitter_header.ts";
import { isReservedHeader } from "../../shared/celery/headers.ts";
import { fitsProperty, MAX_PROPERTY } from "../../shared/celery/shape.ts";
import { InvalidInput } from "../../shared/errors.ts";
import { isSignatureOption, type SignatureOptions } from "../../shared/celery/signature.ts";
import { label } from "../http/label.ts";
import { refusal } from "../http/problem.ts";
import { strictRefusal } from "../http/strict_object.ts";
import { time } from "../http/time.ts";

/** 100 years in seconds: a later time is a mistake. */
const COUNTDOWN_MAX = 100 * 366 * 86_400;

/** Maximum seconds of timers in JavaScript and Celery (2^31 - 1 ms). */
const LIMIT_MAX = 2_147_483;

/** Maximum bytes of all user headers on the wire: half of a message's limit, which leaves room for Celeriac's headers and those of a dead letter. */
const HEADERS_MAX = 32 * 1024;

/** Maximum characters of a header's name (AMQP 0-9-1, field tables). */
const HEADER_NAME_MAX = 128;

/** Names of labels. */
const LABEL_NAME = /^[\w.-]{1,64}$/;

/** Maximum characters of a label's value. */
const LABEL_MAX = 255;

/** Maximum labels of a task. */
const LABELS_MAX = 16;

/** The schema, also for the OpenAPI document. */
export const Options = z.strictObject({
  task_id: label
    .refine(fitsProperty, `expected at most ${MAX_PROPERTY} bytes in UTF-8`)
    .describe("Id of the task; default: a new UUIDv7"),
  queue: z.string().min(1).max(255)
    .describe(
      "Queue, instead of the contract's: that of another contract, or one of CELERIAC_FOREIGN_QUEUES",
    ),
  priority: z.int().min(0).max(255).describe("5 and above is high priority (RabbitMQ 4)"),
  countdown: z.number().min(0).max(COUNTDOWN_MAX).describe("Delay in seconds; not with `eta`"),
  eta: time.describe("Earliest start; not with `countdown`"),
  expires: z.union([z.number().min(0).max(COUNTDOWN_MAX), time], {
    error: "expected seconds, or ISO 8601 with a time zone such as 2030-01-02T03:04:05+00:00",
  }).describe("Latest start: seconds from now, or a time; later the task is REVOKED"),
  retries: z.int().min(0).max(1_000_000).describe("Number of failed attempts so far"),
  time_limit: z.number().positive().max(LIMIT_MAX)
    .describe("Hard limit: seconds after which an attempt is killed"),
  soft_time_limit: z.number().positive().max(LIMIT_MAX)
    .describe("Soft limit: seconds after which an attempt is asked to stop"),
  headers: z.record(z.string(), z.json())
    .describe("User headers; not CC, BCC, x-* or a name of Celery's protocol"),
  labels: z.record(
    z.string().regex(LABEL_NAME, "expected names of 1 to 64 letters, digits and `_ . -`"),
    z.string().min(1).max(LABEL_MAX),
  )
    .refine(
      (labels) => Object.keys(labels).length <= LABELS_MAX,
      `expected at most ${LABELS_MAX} labels`,
    )
    .describe(
      "Texts by name, to find and revoke tasks by; Celery's stamps. Not a name of Celery's protocol",
    ),
  ignore_result: z.boolean().describe("Whether to keep no record"),
}).partial();

const WHAT = "the options";

/** Names of all options. */
export const OPTION_NAMES: readonly string[] = Object.keys(Options.shape);

/** Reads `options` as given.
 *
 * @throws {Problem} `invalid-input` naming every invalid option
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
      unknown: "unknown option",
    });
  }
  const {
    task_id,
    eta,
    expires,
    time_limit,
    soft_time_limit,
    ignore_result,
    headers,
    labels,
    ...same
  } = parsed.data;
  if (eta !== undefined && same.countdown !== undefined) {
    const message = "expected `eta` or `countdown`, not both";
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
    ...(labels !== undefined && { stamps: readLabels(labels) }),
  };
}

/** Labels become stamps, which share a signature's options with those of the protocol. */
function readLabels(labels: Record<string, string>): Headers {
  const wrong = Object.keys(labels).filter((name) =>
    isReservedHeader(name) || isSignatureOption(name)
  );
  if (wrong.length === 0) return labels;
  throw refusal(WHAT, wrong, (name) => ({
    field: `options.labels.${name}`,
    message: "the name belongs to Celery's protocol: choose another",
  }));
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
    const message = `expected at most ${HEADERS_MAX} bytes in total, encoded for AMQP`;
    throw refusal(WHAT, [message], (message) => ({ field: "options.headers", message }));
  }
  return headers as Record<string, HeaderValue>;
}

function nameRefused(name: string): string | undefined {
  if (name === "" || name.length > HEADER_NAME_MAX || !fitsProperty(name)) {
    return `expected a name of 1 to ${HEADER_NAME_MAX} characters, ${MAX_PROPERTY} bytes at most`;
  }
  if (name === SUBMITTER_HEADER) return "the API sets it: choose another";
  return isReservedHeader(name)
    ? "'CC', 'BCC', 'x-death' and the like belong to the broker, and some names to Celery's protocol: choose another"
    : undefined;
}

/** Celery's client decodes integers below -2^31 incorrectly. */
function hasWideInteger(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) && value < -(2 ** 31);
  return typeof value === "object" && value !== null && Object.values(value).some(hasWideInteger);
}
