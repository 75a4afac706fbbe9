/** Parses and checks the body of a workflow. */
import { readCanvas } from "../../shared/celery/canvas.ts";
import { chainOf, groupOf, seriesStep, writeCanvas } from "../../shared/celery/canvas.ts";
import { type Canvas, steps } from "../../shared/celery/canvas_tree.ts";
import { toWire } from "../../shared/celery/signature.ts";
import { closest } from "../../shared/text/closest.ts";
import { Malformed } from "../../shared/errors.ts";
import { type FieldError, fieldProblem, Problem, toProblem } from "../http/problem.ts";
import { checkSubmission, type SubmissionRules } from "./submission.ts";

/** Maximum tasks in one workflow. */
export const MAX_TASKS = 10_000;

/** Maximum nesting depth. */
const MAX_DEPTH = 30;

/** Kinds of parts, by their key. */
const KINDS = ["name", "chain", "group", "chord", "map", "starmap", "chunks"] as const;

const TASK_KEYS = ["name", "args", "kwargs", "options", "immutable", "link", "link_error"];

type Kind = typeof KINDS[number];

/** The context of a part. */
interface Place {
  readonly rules: SubmissionRules;
  readonly path: string;
  readonly depth: number;
  /** Whether it receives the result of the part before it. */
  readonly given: boolean;
}

/** Checks a whole workflow.
 *
 * @param body parsed JSON
 * @throws {Problem} `unknown-task`, or `invalid-input` naming the first invalid part */
export function checkWorkflow(body: unknown, rules: SubmissionRules): Canvas {
  const canvas = understood(() => read(body, { rules, path: "", depth: 0, given: false }));
  const all = steps(canvas);
  const { length } = all;
  if (length === 0) throw fieldProblem("body", "expected at least one task");
  if (length > MAX_TASKS) {
    throw fieldProblem("body", `expected at most ${MAX_TASKS} tasks, found ${length}`);
  }
  const ids = all.flatMap(({ options }) => options.taskId ?? []);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw fieldProblem("body", `two tasks have the id '${twice}'`);
  // Workers must be able to read the messages: consecutive groups are nested.
  understood(() => readCanvas(writeCanvas(canvas)));
  return canvas;
}

function understood(read: () => Canvas): Canvas {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) throw fieldProblem("body", error.message);
    throw error;
  }
}

function read(value: unknown, place: Place): Canvas {
  const { path, depth } = place;
  if (depth > MAX_DEPTH) {
    throw fieldProblem(path, `expected at most ${MAX_DEPTH} levels of nested parts`);
  }
  const part = object(value, path);
  const kinds = KINDS.filter((kind) => Object.hasOwn(part, kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw fieldProblem(path || "body", `expected exactly one of ${KINDS.join(", ")}`, KINDS);
  }
  if (kind === "name") return task(part, place);
  refuseOthers(part, [kind], path);
  const inner = { ...place, path: join(path, kind), depth: depth + 1 };
  return composite(kind, part[kind], inner);
}

function composite(kind: Exclude<Kind, "name">, value: unknown, place: Place): Canvas {
  switch (kind) {
    case "chain": {
      const parts = list(value, place.path).map((part, index) =>
        read(part, {
          ...place,
          path: join(place.path, index),
          given: place.given || index > 0,
        })
      );
      if (parts.every(isEmpty)) throw fieldProblem(place.path, "expected at least one task");
      return chainOf(parts);
    }
    case "group":
      return groupOf(many(value, place));
    case "chord": {
      const { header, body, ...others } = object(value, place.path);
      refuseOthers(others, [], place.path, ["header", "body"]);
      const members = many(header, { ...place, path: join(place.path, "header") });
      return {
        kind: "chord",
        header: groupOf(members).members,
        body: read(body, { ...place, path: join(place.path, "body"), given: true }),
      };
    }
    default:
      return series(kind, value, place);
  }
}

function isEmpty(part: Canvas): boolean {
  return part.kind === "group" && part.members.length === 0;
}

function many(value: unknown, place: Place): Canvas[] {
  return list(value, place.path).map((part, index) =>
    read(part, { ...place, path: join(place.path, index) })
  );
}

function series(kind: "map" | "starmap" | "chunks", value: unknown, place: Place): Canvas {
  const { name, items, size, ...others } = object(value, place.path);
  const known = kind === "chunks" ? ["name", "items", "size"] : ["name", "items"];
  const extra = kind === "chunks" || size === undefined ? others : { ...others, size };
  refuseOthers(extra, [], place.path, known);
  const calls = list(items, join(place.path, "items"));
  const check = (args: unknown[], index: number) =>
    submission({ name, args }, { ...place, given: false, path: join(place.path, "items", index) });
  const signatures = calls.map((item, index) =>
    check(kind === "map" ? [item] : list(item, join(place.path, "items", index)), index)
  );
  const [first] = signatures;
  if (!first) throw fieldProblem(join(place.path, "items"), "expected at least one item");
  const wire = toWire({ ...first, args: [] });
  if (kind !== "chunks") return seriesStep(kind, wire, calls);
  if (!(Number.isInteger(size) && Number(size) > 0)) {
    throw fieldProblem(join(place.path, "size"), "expected a whole number from 1");
  }
  const parts = { task: wire, it: calls, n: size };
  return readCanvas({ task: "celery.chunks", kwargs: parts, subtask_type: "chunks" });
}

function task(part: Record<string, unknown>, place: Place): Canvas {
  const { immutable = false, link, link_error, ...rest } = part;
  refuseOthers(rest, [], place.path, TASK_KEYS);
  if (typeof immutable !== "boolean") {
    throw fieldProblem(join(place.path, "immutable"), "expected true or false");
  }
  const signature = submission(rest, { ...place, given: place.given && !immutable });
  const links = (value: unknown, key: string) =>
    value === undefined ? [] : many(value, {
      ...place,
      path: join(place.path, key),
      depth: place.depth + 1,
      given: true,
    }).map(writeCanvas);
  const [callbacks, errbacks] = [links(link, "link"), links(link_error, "link_error")];
  return {
    kind: "task",
    signature: {
      ...signature,
      immutable,
      options: {
        ...signature.options,
        ...(callbacks.length > 0 && { callbacks }),
        ...(errbacks.length > 0 && { errbacks }),
      },
    },
  };
}

/** Checks one task like a single submission, except for the argument from the part before it. */
function submission(part: Record<string, unknown>, { rules, path, given }: Place) {
  const { name, ...rest } = part;
  if (typeof name !== "string" || name === "") {
    throw fieldProblem(join(path, "name"), "expected the task's name as a string");
  }
  try {
    return checkSubmission(name, rest, rules, { given: given ? 1 : 0 }).signature;
  } catch (error) {
    const problem = toProblem(error);
    if (path === "") throw problem;
    const errors = problem.errors.map((one): FieldError => ({
      ...one,
      field: join(path, one.field),
    }));
    throw new Problem(problem.kind, `${problem.message} (at '${path}')`, { errors });
  }
}

function refuseOthers(
  part: Record<string, unknown>,
  known: readonly string[],
  path: string,
  allowed: readonly string[] = known,
): void {
  const stranger = Object.keys(part).find((key) => !known.includes(key) && !allowed.includes(key));
  if (stranger === undefined) return;
  const near = closest(stranger, allowed);
  const hint = near ? `: did you mean '${near}'?` : "";
  throw fieldProblem(join(path, stranger), `nothing of this name is known here${hint}`, allowed);
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw fieldProblem(path || "body", "expected an object");
}

function list(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw fieldProblem(path, "expected an array");
}

function join(...parts: (string | number)[]): string {
  return parts.filter((part) => part !== "").join(".");
}
