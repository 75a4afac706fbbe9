/** `POST /v1/tasks:batch`: many tasks in one request. */
import { type Context, Hono } from "hono";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { decodeText, fitsBytes, readBytes, requireType, tooLarge } from "../http/body.ts";
import { parseStrict } from "../http/strict_json.ts";
import { fieldProblem, Problem, toProblem } from "../http/problem.ts";
import { readQuery } from "../http/query.ts";
import {
  checkSubmission,
  queueOfSubmission,
  type SubmissionRules,
  takeName,
} from "../submitting/submission.ts";
import { addressOf } from "../access/audit_trail.ts";
import { attributed, callerOf, requireSignature } from "../access/request_caller.ts";
import type { AuditCounter } from "../access/audit_counter.ts";
import type { Submitter } from "../submitting/submitter.ts";
import { acceptedBody } from "../submitting/accepted_body.ts";

/** Maximum bytes of a batch: 64 MiB. */
const BODY_LIMIT = 64 * 1024 * 1024;

/** Concurrent submissions of one batch: enough to keep the broker busy. */
const PARALLEL = 500;

const NDJSON = "application/x-ndjson";
const JSON_TYPE = "application/json";

/** Dependencies of the route. */
export interface BatchParts {
  readonly rules: SubmissionRules;
  readonly submitter: Submitter;
  /** Maximum lines of a batch. */
  readonly batchLimit: number;
  /** Counts accepted and refused tasks for the audit log. */
  readonly counter: Pick<AuditCounter, "add" | "refuse">;
}

/** One submission of a batch, not parsed yet. */
interface Line {
  readonly line: number;
  read(): unknown;
  /** Whether it has at most this many bytes. */
  fits(limit: number): boolean;
}

/** Accepts an array, or NDJSON with one submission per line, each with its `name`. Responds in the same format and order.
 *
 * Reads the whole body before it publishes the first line. So a broken connection, too many lines or
 * an invalid array publish nothing. */
export function batchRoutes({ rules, submitter, batchLimit, counter }: BatchParts): Hono {
  async function submit({ line, read, fits }: Line, c: Context): Promise<object> {
    const caller = callerOf(c);
    try {
      const { name, rest } = takeName(read());
      const limit = rules.registry.get(name)?.bodyLimit ?? DEFAULT_BODY_LIMIT;
      if (!fits(limit)) throw tooLarge(limit);
      const submission = checkSubmission(name, rest, rules);
      requireSignature(caller, submission.signature, queueOfSubmission);
      const signature = attributed(caller, submission.signature);
      const accepted = await submitter.submit({ ...submission, signature });
      counter.add(caller, accepted.name);
      return { line, status: 202, ...acceptedBody(accepted) };
    } catch (error) {
      const problem = toProblem(error);
      if (problem.kind === "forbidden") {
        counter.refuse({ caller, action: "tasks:submit", status: 403, address: addressOf(c) });
      }
      return { line, ...problem.brief };
    }
  }

  return new Hono().post("/tasks:batch", async (c) => {
    if (c.req.query("wait") !== undefined) {
      throw fieldProblem("wait", "a batch does not wait for results: remove it");
    }
    readQuery(c.req.queries(), []);
    const type = requireType(c.req.raw.headers, [NDJSON, JSON_TYPE]) ?? JSON_TYPE;
    if (c.req.header("idempotency-key") !== undefined) {
      throw fieldProblem(
        "Idempotency-Key",
        "a batch supports no key: set 'options.task_id' in each line",
      );
    }
    const text = decodeText(await readBytes(c.req.raw, BODY_LIMIT));
    const lines = type === NDJSON ? ndjsonLines(text, batchLimit) : arrayItems(text, batchLimit);
    const answers = await mapBounded(lines, (line) => submit(line, c));
    const body = type === NDJSON
      ? answers.map((answer) => JSON.stringify(answer) + "\n").join("")
      : JSON.stringify(answers);
    return c.body(body, 200, { "content-type": type });
  });
}

function ndjsonLines(text: string, limit: number): Line[] {
  const lines = text.split("\n", limit + 2);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > limit) throw tooMany(limit);
  return lines.flatMap((given, index) =>
    given.trim() === "" ? [] : [{
      line: index + 1,
      read: () => parseStrict(given),
      fits: (bytes: number) => fitsBytes(given, bytes),
    }]
  );
}

function arrayItems(text: string, limit: number): Line[] {
  const items = parseStrict(text === "" ? "[]" : text);
  if (!Array.isArray(items)) {
    throw fieldProblem(
      "body",
      "expected an array, or NDJSON with Content-Type: application/x-ndjson",
    );
  }
  if (items.length > limit) throw tooMany(limit);
  return items.map((item: unknown, index) => ({
    line: index + 1,
    read: () => item,
    fits: (bytes: number) => fitsBytes(text, bytes) || fitsBytes(JSON.stringify(item), bytes),
  }));
}

function tooMany(limit: number): Problem {
  return new Problem(
    "body-too-large",
    `Cannot accept the batch because it has more than ${limit} lines: split it`,
  );
}

async function mapBounded(
  lines: readonly Line[],
  submit: (line: Line) => Promise<object>,
): Promise<object[]> {
  const answers: object[] = [];
  const queue = lines.entries();
  const work = async () => {
    for (const [index, line] of queue) answers[index] = await submit(line);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, lines.length) }, work));
  return answers;
}
