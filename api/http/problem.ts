/** Error responses: RFC 9457 problem documents. */
import { getLogger } from "@logtape/logtape";
import type { ErrorHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import {
  BrokerUnavailable,
  CeleriacError,
  DatabaseUnavailable,
  DatabaseUnreached,
  InvalidInput,
  OutcomeUnknown,
  TopologyMissing,
  Unavailable,
  Unroutable,
  WorkflowTooLarge,
} from "../../shared/errors.ts";

/** Media type of a problem (RFC 9457, section 3). */
export const PROBLEM_TYPE = "application/problem+json";

/** `Retry-After` of a 503, in seconds. */
export const RETRY_AFTER = 2;

/** All problem types: last segment of `type` -> status and title. */
export const PROBLEMS = {
  "invalid-json": { status: 400, title: "Malformed JSON" },
  "incomplete-body": { status: 400, title: "Incomplete body" },
  "invalid-input": { status: 422, title: "Validation failed" },
  "unauthorized": { status: 401, title: "Missing or invalid token" },
  "forbidden": { status: 403, title: "Access denied" },
  "read-only": { status: 403, title: "Page is read-only" },
  "rate-limited": { status: 429, title: "Too many requests" },
  "wrong-host": { status: 421, title: "Unknown host" },
  "cross-site": { status: 403, title: "Cross-site request refused" },
  "unknown-route": { status: 404, title: "Route not found" },
  "unknown-task": { status: 404, title: "Task not found" },
  "unknown-queue": { status: 404, title: "Queue not found" },
  "no-record": { status: 404, title: "Record not found" },
  "no-schedule": { status: 404, title: "Schedule not found" },
  "no-event": { status: 404, title: "Event not found" },
  "no-subscription": { status: 404, title: "Subscription not found" },
  "no-pause": { status: 404, title: "Pause not found" },
  "no-bulk-job": { status: 404, title: "Bulk job not found" },
  "no-worker": { status: 404, title: "Worker not found" },
  "no-key": { status: 404, title: "Key not found" },
  "no-dead-letter": { status: 404, title: "Dead letter not found" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  "not-revocable": { status: 409, title: "Task cannot be revoked" },
  "not-retryable": { status: 409, title: "Task cannot be retried" },
  "no-input": { status: 409, title: "Input of the task was not kept" },
  "no-subscriber": { status: 409, title: "No subscription selects the event" },
  "subscription-exists": { status: 409, title: "Subscription already exists" },
  "subscription-in-code": { status: 409, title: "Subscription is defined in code" },
  "key-exists": { status: 409, title: "Key already exists" },
  "key-ended": { status: 409, title: "Key cannot be rotated" },
  "schedule-exists": { status: 409, title: "Schedule already exists" },
  "schedule-in-code": { status: 409, title: "Schedule is defined in code" },
  "worker-refused": { status: 409, title: "Worker refused the command" },
  "body-too-slow": { status: 408, title: "Body received too slowly" },
  "body-too-large": { status: 413, title: "Body too large" },
  "unsupported-content-type": { status: 415, title: "Unsupported content type" },
  "idempotency-mismatch": { status: 422, title: "Idempotency-Key used for another request" },
  "unroutable": { status: 503, title: "Queue does not exist" },
  "unavailable": { status: 503, title: "Broker and database unavailable" },
  "outcome-unknown": { status: 503, title: "Outcome unknown" },
  "internal": { status: 500, title: "Internal error" },
} as const satisfies Record<string, { status: ContentfulStatusCode; title: string }>;

/** Maximum number of field errors in a problem: keeps a response smaller than its request. */
const ERRORS_MAX = 20;

/** Maximum number of values in `allowed`. */
const ALLOWED_MAX = 50;

/** Maximum characters of a detail, and of a field or message. */
const DETAIL_MAX = 2000;
const TEXT_MAX = 300;

/** A problem type. */
export type ProblemKind = keyof typeof PROBLEMS;

/** An error of one field. */
export interface FieldError {
  /** Dotted path, such as `kwargs.items.0.price`, or the name of a query parameter or header. */
  readonly field: string;
  readonly message: string;
  /** Valid values, if they can be listed. */
  readonly allowed?: readonly string[];
}

/** A problem document. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: ContentfulStatusCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Only in `outcome-unknown`: ids of the tasks or the workflow that may have been accepted. */
  readonly ids?: readonly string[];
}

/** An error with a problem document; {@linkcode answerError} sends it. */
export class Problem extends CeleriacError {
  readonly errors: readonly FieldError[];
  readonly ids: readonly string[];
  readonly headers: Readonly<Record<string, string | string[]>>;

  /** @param options.errors errors by field
   * @param options.ids ids that may have been accepted
   * @param options.headers response headers; a list becomes repeated headers */
  constructor(
    readonly kind: ProblemKind,
    detail: string,
    options: ErrorOptions & {
      errors?: readonly FieldError[];
      ids?: readonly string[];
      headers?: Readonly<Record<string, string | string[]>>;
    } = {},
  ) {
    super(detail, options);
    this.errors = options.errors ?? [];
    this.ids = options.ids ?? [];
    this.headers = options.headers ?? {};
  }

  get status(): ContentfulStatusCode {
    return PROBLEMS[this.kind].status;
  }

  /** The document, with a bounded size. */
  get body(): ProblemBody {
    return this.#document(ERRORS_MAX, ALLOWED_MAX);
  }

  /** A short document for one line of a batch: the first errors, without `allowed`. */
  get brief(): ProblemBody {
    return this.#document(3, 0);
  }

  #document(errorsMax: number, allowedMax: number): ProblemBody {
    const errors = this.errors.slice(0, errorsMax).map(({ field, message, allowed }) => ({
      field: shortened(field, TEXT_MAX),
      message: shortened(message, TEXT_MAX),
      ...(allowed && allowedMax > 0 && {
        allowed: allowed.slice(0, allowedMax).map((value) => shortened(value, TEXT_MAX)),
      }),
    }));
    return {
      type: `/problems/${this.kind}`,
      title: PROBLEMS[this.kind].title,
      status: this.status,
      detail: shortened(this.message, DETAIL_MAX),
      ...(errors.length > 0 && { errors }),
      ...(this.ids.length > 0 && { ids: this.ids }),
    };
  }
}

function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3).toWellFormed()}...` : text;
}

/** Creates an `invalid-input` problem from a list of reasons. It explains the first ones; the detail contains the number of the others.
 *
 * @param what is invalid, such as `the options`
 * @param explain turns one reason into a field error
 *
 * @example
 * ```ts
 * import { refusal } from "./problem.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const strangers = Array.from({ length: 22 }, (_, index) => `x${index}`);
 * const problem = refusal("the query", strangers, (field) => ({ field, message: "unknown" }));
 * assertEquals(problem.errors.length, 20);
 * assertEquals(problem.message.endsWith("; and 2 more"), true);
 * ```
 */
export function refusal<Reason>(
  what: string,
  reasons: readonly Reason[],
  explain: (reason: Reason) => FieldError,
): Problem {
  const errors = reasons.slice(0, ERRORS_MAX).map(explain);
  const listed = errors.map(({ field, message }) =>
    `${shortened(field, TEXT_MAX)}: ${shortened(message, TEXT_MAX)}`
  );
  const shown = shortened(listed.join("; "), DETAIL_MAX - 200);
  const rest = reasons.length > errors.length ? `; and ${reasons.length - errors.length} more` : "";
  return new Problem("invalid-input", `Cannot accept ${what}: ${shown}${rest}`, { errors });
}

/** Creates an `invalid-input` problem for one field. */
export function fieldProblem(field: string, message: string, allowed?: readonly string[]): Problem {
  return new Problem("invalid-input", `Cannot accept '${field}': ${message}`, {
    errors: [{ field, message, ...(allowed && { allowed }) }],
  });
}

/** Converts any thrown value to a problem. Unexpected errors are logged, and the response contains no internals.
 *
 * @example
 * ```ts
 * import { toProblem } from "./problem.ts";
 * import { Unavailable } from "../../shared/errors.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(toProblem(new Unavailable("both are down")).status, 503);
 * assertEquals(toProblem(new TypeError("x is undefined")).body.detail.includes("x is"), false);
 * ```
 */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof WorkflowTooLarge) {
    return new Problem("body-too-large", error.message, { cause: error });
  }
  if (error instanceof InvalidInput) {
    const errors = error.field === undefined
      ? []
      : [{ field: error.field, message: error.message }];
    return new Problem("invalid-input", error.message, { cause: error, errors });
  }
  if (error instanceof Unroutable || error instanceof TopologyMissing) {
    return new Problem("unroutable", error.message, { cause: error });
  }
  if (error instanceof OutcomeUnknown) return unknownOutcome(error, error.ids);
  if (
    error instanceof Unavailable || error instanceof DatabaseUnavailable ||
    error instanceof BrokerUnavailable
  ) {
    const headers = { "retry-after": String(RETRY_AFTER) };
    return new Problem("unavailable", error.message, { cause: error, headers });
  }
  getLogger(["celeriac", "api"]).error("Cannot answer a request because of an error: {error}", {
    error,
  });
  return new Problem(
    "internal",
    "Cannot answer because of an internal error: see the server log",
    {
      cause: error,
    },
  );
}

/** The problem for a request that may have changed data: a statement was sent, but no result arrived. */
function unknownOutcome(error: Error, ids: readonly string[] = []): Problem {
  const headers = { "retry-after": String(RETRY_AFTER) };
  return new Problem("outcome-unknown", error.message, { cause: error, ids, headers });
}

const READING: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The error handler of the API. */
export const answerError: ErrorHandler = (error, c) => {
  const changing = !READING.has(c.req.method) && error instanceof DatabaseUnavailable &&
    !(error instanceof DatabaseUnreached);
  const problem = changing ? unknownOutcome(error) : toProblem(error);
  return c.json(problem.body, problem.status, { ...problem.headers, "content-type": PROBLEM_TYPE });
};
