/** Checks what an author gives to `defineTask`: a slip is an error where it is made. */
import type { z } from "zod";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import { refuseUncarried } from "./json_schemas.ts";
import { refuseUnknownKeys } from "./known_keys.ts";
import { parseRate } from "./rate.ts";
import type { TaskDefinition } from "./task.ts";

const NAME = /^[A-Za-z_][\w.-]{0,254}$/;
const QUEUE = /^celeriac\.[A-Za-z0-9][\w.-]{0,200}$/;

const KEYS: Readonly<Record<keyof TaskDefinition<z.ZodObject, z.ZodType>, true>> = {
  name: true,
  input: true,
  output: true,
  queue: true,
  retry: true,
  timeLimit: true,
  rateLimit: true,
  run: true,
  permissions: true,
  sandbox: true,
  untrusted: true,
  bodyLimit: true,
  ignoreResult: true,
  submits: true,
  summary: true,
  example: true,
};

/** Words for the same from other systems. */
const SYNONYMS: Readonly<Record<string, string>> = {
  attempts: "retry",
  max_retries: "retry",
  maxAttempts: "retry",
  maxRetries: "retry",
  result: "output",
  retries: "retry",
  returns: "output",
  schema: "input",
  soft_time_limit: "timeLimit",
  timeout: "timeLimit",
};

/** Checks keys, types and schemas.
 *
 * @throws {ConfigurationError} saying what is wrong and what to write */
export function checkDefinition(
  definition: TaskDefinition<z.ZodObject, z.ZodType>,
): void {
  const name = checkedName(definition);
  const doing = `define task '${name}'`;
  const refuse = (reason: string) => new ConfigurationError(`Cannot ${doing} because ${reason}`);
  refuseUnknownKeys(definition, Object.keys(KEYS), { doing, synonyms: SYNONYMS });
  const { queue, input, output, retry, timeLimit = {}, run = "inline", sandbox } = definition;
  if (queue === "celeriac.dead") {
    throw refuse("queue 'celeriac.dead' holds the dead letters: choose another");
  }
  if (queue !== undefined && !QUEUE.test(queue)) {
    const near = `celeriac.${String(queue).replaceAll(/[^\w.-]/g, "-")}`;
    throw refuse(
      `queue '${queue}' is not 'celeriac.' and a name: call it '${near}'`,
    );
  }
  if (input?.def?.type !== "object") {
    throw refuse("its input is not a zod object: wrap it in z.object({ ... })");
  }
  refuseUncarried(name, "input", input);
  if (output !== undefined) {
    if (output?.def === undefined) {
      throw refuse("its output is not a zod schema: write one, such as z.string()");
    }
    refuseUncarried(name, "output", output);
  }
  if (retry !== undefined && typeof retry !== "boolean") {
    const known = ["maxAttempts", "base", "cap", "jitter", "only", "never"];
    const synonyms = { attempts: "maxAttempts", retries: "maxAttempts", delay: "base", max: "cap" };
    refuseUnknownKeys(retry, known, { doing, within: "retry", synonyms });
  }
  refuseUnknownKeys(timeLimit, ["soft", "hard"], { doing, within: "timeLimit" });
  for (const [kind, seconds] of Object.entries(timeLimit)) {
    if (typeof seconds === "number" && seconds > 0) continue;
    throw refuse(
      `its ${kind} time limit ${seconds} is not a positive number of seconds: correct it`,
    );
  }
  if (run !== "inline" && run !== "process") {
    throw refuse(`run '${run}' is no place: choose inline or process`);
  }
  if (sandbox && run !== "process") {
    throw refuse(
      'it has a sandbox and runs inline, where nothing can hold it: add run: "process"',
    );
  }
  checkRest(definition, refuse);
}

function checkRest(
  { bodyLimit, ignoreResult, submits, rateLimit, run, untrusted }: TaskDefinition<
    z.ZodObject,
    z.ZodType
  >,
  refuse: (reason: string) => ConfigurationError,
): void {
  if (bodyLimit !== undefined && !(Number.isInteger(bodyLimit) && bodyLimit > 0)) {
    throw refuse(`bodyLimit ${bodyLimit} is not a whole number of bytes from 1: correct it`);
  }
  if (ignoreResult !== undefined && typeof ignoreResult !== "boolean") {
    throw refuse(`ignoreResult '${ignoreResult}' is neither true nor false: choose one`);
  }
  if (submits !== undefined && typeof submits !== "boolean") {
    throw refuse(`submits '${submits}' is neither true nor false: choose one`);
  }
  if (untrusted !== undefined && typeof untrusted !== "boolean") {
    throw refuse(`untrusted '${untrusted}' is neither true nor false: choose one`);
  }
  if (untrusted && run !== "process") {
    throw refuse(
      'it is untrusted and runs inline, in the process of its worker: add run: "process"',
    );
  }
  try {
    parseRate(rateLimit);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw refuse(`of its rateLimit: ${error.message}`);
  }
}

function checkedName(definition: { name: string }): string {
  const name: unknown = definition?.name;
  if (typeof name === "string" && NAME.test(name)) return name;
  throw new ConfigurationError(
    `Cannot define task '${name}' because its name is not 1 to 255 letters, digits, '_', '.' or '-', beginning with a letter: rename it`,
  );
}
