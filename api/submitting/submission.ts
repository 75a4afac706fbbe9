/** Parses and checks the body of a submission. */
import { bindArguments, inputIssues } from "../../shared/contracts/arguments.ts";
import { closest } from "../../shared/text/closest.ts";
import type { Signature } from "../../shared/celery/signature.ts";
import type { Submission } from "../../shared/outbox/submission.ts";
import type { Registry } from "../../shared/contracts/registry.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { isLabel } from "../http/label.ts";
import { readOptions } from "./options.ts";
import { type FieldError, fieldProblem, Problem, refusal } from "../http/problem.ts";

/** The tasks and queues that requests may use. */
export interface SubmissionRules {
  readonly registry: Registry;
  /** Queues of contracts. */
  readonly queues: ReadonlySet<string>;
  /** Queues of other systems that requests may use. */
  readonly foreignQueues: ReadonlySet<string>;
}

/** The rules of an API. */
export function submissionRules(
  registry: Registry,
  foreignQueues: readonly string[],
): SubmissionRules {
  return { registry, queues: new Set(registry.queues), foreignQueues: new Set(foreignQueues) };
}

/** Fields of a body; `name` only if the path has none. */
export const BODY_NAMES: readonly string[] = ["args", "kwargs", "options"];

/** Splits the task's name from the rest of the body.
 *
 * @throws {Problem} `invalid-input` */
export function takeName(body: unknown): { name: string; rest: unknown } {
  const { name, ...rest } = object(body, "");
  if (typeof name === "string" && name !== "") return { name, rest };
  const meant = name === undefined && "task" in rest ? " (and not 'task')" : "";
  throw fieldProblem("name", `expected the task's name as a string in 'name'${meant}`);
}

/** Checks a whole submission.
 *
 * @param body parsed JSON; `undefined` equals `{}`
 * @param options.given number of leading arguments that the previous task provides; default 0
 * @throws {Problem} `unknown-task`, or `invalid-input` naming every invalid field */
export function checkSubmission(
  name: string,
  body: unknown,
  rules: SubmissionRules,
  { given: before = 0 }: { given?: number } = {},
): Submission {
  const contract = rules.registry.get(name);
  const { args = [], kwargs = {}, options: given, ...unknown } = object(body ?? {}, "");
  refuseUnknown(unknown, contract);
  const options = given === undefined ? {} : readOptions(object(given, "options"));
  const queue = options.queue ?? contract?.queue ?? "";
  const foreign = rules.foreignQueues.has(queue);
  if (!contract && !foreign) throw unknownTask(name, rules);
  if (!foreign && !rules.queues.has(queue)) throw refusedQueue(queue, rules);
  // A task of another system may have any name that a header can contain.
  if (!contract && !isLabel(name)) {
    throw fieldProblem("name", "expected 1 to 255 characters without control characters");
  }
  if (!Array.isArray(args)) throw fieldProblem("args", "expected an array");
  const named = object(kwargs, "kwargs");
  if (contract) checkInput(contract, args, named, before);
  return {
    ...(contract && { contract }),
    signature: { task: name, args, kwargs: named, options: { ...options, queue } },
    ignoreResult: options.ignoreResult ?? contract?.ignoreResult ?? false,
  };
}

/** The queue of a checked submission, which always names it. */
export function queueOfSubmission({ options }: Pick<Signature, "options">): string {
  return options.queue ?? "";
}

function checkInput(
  contract: TaskContract,
  args: unknown[],
  kwargs: Record<string, unknown>,
  before: number,
): void {
  const bound = bindArguments(contract, [...Array(before), ...args], kwargs);
  const { shape, def } = contract.input;
  const strangers = def.catchall
    ? []
    : Object.keys(kwargs).filter((key) => !Object.hasOwn(shape, key));
  const { error } = contract.input.safeParse(bound);
  // The worker checks the arguments that the previous task provides.
  const coming = Object.keys(shape).slice(0, before);
  const issues = error?.issues.filter(({ path: [key] }) => !coming.includes(String(key))) ?? [];
  if (issues.length === 0 && strangers.length === 0) return;
  const allowed = Object.keys(shape);
  const reasons = [...strangers, ...inputIssues(contract, { issues }, args.length, before)];
  throw refusal(`the input of task '${contract.name}'`, reasons, (reason): FieldError => {
    if (typeof reason !== "string") return reason;
    const near = closest(reason, allowed);
    const hint = near ? `: did you mean '${near}'?` : "";
    const message = `unknown argument${hint}`;
    return { field: `kwargs.${reason}`, message, allowed };
  });
}

function object(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw fieldProblem(field || "body", "expected an object");
}

function refuseUnknown(unknown: Record<string, unknown>, contract: TaskContract | undefined): void {
  const names = Object.keys(unknown);
  if (names.length === 0) return;
  throw refusal("the body", names, (name) => {
    const near = closest(name, BODY_NAMES);
    const hint = contract && Object.hasOwn(contract.input.shape, name)
      ? ": arguments belong in 'kwargs'"
      : near
      ? `: did you mean '${near}'?`
      : "";
    return {
      field: name,
      message: `unknown field${hint}`,
      allowed: BODY_NAMES,
    };
  });
}

function unknownTask(name: string, { registry, foreignQueues }: SubmissionRules): Problem {
  const near = registry.suggest(name);
  const remedy = near
    ? `did you mean '${near}'?`
    : foreignQueues.size > 0
    ? "a task of another system needs 'options.queue'"
    : "see /openapi.json";
  return new Problem(
    "unknown-task",
    `Cannot submit task '${name}' because no contract has that name: ${remedy}`,
    {
      errors: [{
        field: "name",
        message: remedy,
        allowed: Array.from(registry, (contract) => contract.name),
      }],
    },
  );
}

function refusedQueue(queue: string, { queues, foreignQueues }: SubmissionRules): Problem {
  const allowed = [...queues, ...foreignQueues];
  const near = closest(queue, allowed);
  return fieldProblem(
    "options.queue",
    `queue '${queue}' is neither a contract's nor listed in CELERIAC_FOREIGN_QUEUES${
      near ? `: did you mean '${near}'?` : ""
    }`,
    allowed,
  );
}
