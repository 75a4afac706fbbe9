/** Errors as the API answers them: RFC 9457 problem documents. */
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

/** Seconds after which a caller that met a 503 may try again. */
export const RETRY_AFTER = 2;

/** Every kind of problem: the last part of its `type`, its status and its title. */
export const PROBLEMS = {
  "invalid-json": { status: 400, title: "Malformed JSON" },
  "incomplete-body": { status: 400, title: "Incomplete body" },
  "invalid-input": { status: 422, title: "Validation failed" },
  "unauthorized": { status: 401, title: "Missing or invalid token" },
  "wrong-host": { status: 421, title: "Unknown host" },
  "cross-site": { status: 403, title: "Cross-site request refused" },
  "unknown-route": { status: 404, title: "Route not found" },
  "unknown-task": { status: 404, title: "Task not found" },
  "no-record": { status: 404, title: "Record not found" },
  "no-schedule": { status: 404, title: "Schedule not found" },
  "no-dead-letter": { status: 404, title: "Dead letter not found" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  "not-revocable": { status: 409, title: "Task cannot be revoked" },
  "schedule-exists": { status: 409, title: "Schedule already exists" },
  "schedule-in-code": { status: 409, title: "Schedule is defined in code" },
  "body-too-slow": { status: 408, title: "Body received too slowly" },
  "body-too-large": { status: 413, title: "Body too large" },
  "unsupported-content-type": { status: 415, title: "Unsupported content type" },
  "idempotency-mismatch": { status: 422, title: "Idempotency-Key used for another request" },
  "unroutable": { status: 503, title: "Queue does not exist" },
  "unavailable": { status: 503, title: "Broker and database unavailable" },
  "outcome-unknown": { status: 503, title: "Outcome unknown" },
  "internal": { status: 500, title: "Internal error" },
} as const satisfies Record<string, { status: ContentfulStatusCode; title: string }>;

/** Field errors that a problem lists: a caller reads a few, and an answer must not be larger than its request. */
const ERRORS_MAX = 20;

/** Values that `allowed` lists. */
const ALLOWED_MAX = 50;

/** Characters of a detail, and of a field or a message. */
const DETAIL_MAX = 2000;
const TEXT_MAX = 300;

/** A kind of problem. */
export type ProblemKind = keyof typeof PROBLEMS;

/** What is wrong with one field. */
export interface FieldError {
  /** Dotted path, such as `kwargs.items.0.price`, or the name of a query parameter or header. */
  readonly field: string;
  readonly message: string;
  /** What would have fitted, where it can be listed. */
  readonly allowed?: readonly string[];
}

/** A problem document. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: ContentfulStatusCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Of `outcome-unknown`: the tasks, or the workflow, that may have been accepted. */
  readonly ids?: readonly string[];
}

/** A problem that a route chose to answer with. Caught by {@linkcode answerError}. */
export class Problem extends CeleriacError {
  readonly errors: readonly FieldError[];
  readonly ids: readonly string[];
  readonly headers: Readonly<Record<string, string | string[]>>;

  /** @param options.errors what is wrong, field by field
   * @param options.ids what may have been accepted
   * @param options.headers of the answer; a list becomes as many lines */
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

  /** The document to send: of bounded size, whatever the request held. */
  get body(): ProblemBody {
    return this.#document(ERRORS_MAX, ALLOWED_MAX);
  }

  /** The same for one of many in one answer: the first errors, without what is allowed. */
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

/** Refuses input for a list of reasons. Only the first are looked at and listed; the detail says how many more there are.
 *
 * @param what is refused, such as `the options`
 * @param explain what is wrong, one reason at a time
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

/** A problem with one field. */
export function fieldProblem(field: string, message: string, allowed?: readonly string[]): Problem {
  return new Problem("invalid-input", `Cannot accept '${field}': ${message}`, {
    errors: [{ field, message, ...(allowed && { allowed }) }],
  });
}

/** Finds the problem in whatever was thrown; what nobody foresaw is logged and told without its insides.
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

/** Of a request that may have changed something: a statement was sent, and its answer did not come. */
function unknownOutcome(error: Error, ids: readonly string[] = []): Problem {
  const headers = { "retry-after": String(RETRY_AFTER) };
  return new Problem("outcome-unknown", error.message, { cause: error, ids, headers });
}

const READING: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The one error handler. */
export const answerError: ErrorHandler = (error, c) => {
  const changing = !READING.has(c.req.method) && error instanceof DatabaseUnavailable &&
    !(error instanceof DatabaseUnreached);
  const problem = changing ? unknownOutcome(error) : toProblem(error);
  return c.json(problem.body, problem.status, { ...problem.headers, "content-type": PROBLEM_TYPE });
};
