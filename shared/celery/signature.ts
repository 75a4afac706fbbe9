/** Signatures: the name, arguments and options of a task as data. */
import type { Headers } from "../broker/message.ts";
import { Malformed } from "../errors.ts";
import { isObject } from "./shape.ts";
import { fromIso, toIso } from "./time.ts";

/** Options of a task. All are optional; `undefined` means absent. */
export interface SignatureOptions {
  /** The task's id, at most 255 characters. */
  taskId?: string | undefined;
  /** Name of the queue. */
  queue?: string | undefined;
  exchange?: string | undefined;
  routingKey?: string | undefined;
  /** 0 to 255. */
  priority?: number | null | undefined;
  /** Seconds from sending until the task may run. `eta` takes precedence. */
  countdown?: number | undefined;
  /** Earliest time to run. */
  eta?: Date | undefined;
  /** Latest time to run; a number means seconds from sending. */
  expires?: Date | number | undefined;
  /** Failed attempts so far. Default 0. */
  retries?: number | undefined;
  /** Hard limit of one attempt, seconds. */
  timeLimit?: number | null | undefined;
  /** Soft limit of one attempt, seconds. */
  softTimeLimit?: number | null | undefined;
  /** Custom headers. Names that the protocol reserves are omitted. */
  headers?: Headers | undefined;
  /** `null` or absent: as the task defines. */
  ignoreResult?: boolean | null | undefined;
  /** First task of the workflow. Default: the task itself. */
  rootId?: string | null | undefined;
  /** The task that sent this one. */
  parentId?: string | null | undefined;
  group?: string | null | undefined;
  groupIndex?: number | null | undefined;
  /** Name shown in logs and events. */
  shadow?: string | null | undefined;
  /** Queue that receives the results (`rpc://`, direct reply-to). */
  replyTo?: string | undefined;
  /** Following steps as wire signatures, in REVERSE order. */
  chain?: readonly unknown[] | null | undefined;
  /** Body of the chord that this task is a member of, as a wire signature. */
  chord?: unknown;
  /** Wire signatures to send on success. */
  callbacks?: readonly unknown[] | null | undefined;
  /** Wire signatures to send on failure. */
  errbacks?: readonly unknown[] | null | undefined;
  /** How often the task was replaced by Celery's `Task.replace`. Default 0. */
  replacedTaskNesting?: number | undefined;
  /** Stamps by name. */
  stamps?: Headers | undefined;
}

/** A task's name, arguments and options. */
export interface Signature {
  task: string;
  args: unknown[];
  kwargs: Record<string, unknown>;
  options: SignatureOptions;
  /** Ignores the result of the previous task. Default `false`. */
  immutable?: boolean | undefined;
  /** `chain`, `group`, `chord`, `chunks`, `xmap`, `xstarmap`; `null` for a plain task. */
  subtaskType?: string | null | undefined;
}

/** A signature inside a message: always these six keys (celery/canvas.py, `Signature`). */
export interface WireSignature {
  task: string;
  args: unknown[];
  kwargs: Record<string, unknown>;
  options: Record<string, unknown>;
  subtask_type: string | null;
  immutable: boolean;
}

type Option = Exclude<keyof SignatureOptions, "stamps">;
type Kind = "text" | "number" | "flag" | "time" | "moment" | "list" | "object" | "anything";

/** Each option with its key on the wire and its type there. */
const OPTIONS: readonly (readonly [Option, string, Kind])[] = [
  ["taskId", "task_id", "text"],
  ["rootId", "root_id", "text"],
  ["parentId", "parent_id", "text"],
  ["group", "group_id", "text"],
  ["groupIndex", "group_index", "number"],
  ["chord", "chord", "anything"],
  ["chain", "chain", "list"],
  ["callbacks", "link", "list"],
  ["errbacks", "link_error", "list"],
  ["replyTo", "reply_to", "text"],
  ["retries", "retries", "number"],
  ["expires", "expires", "moment"],
  ["eta", "eta", "time"],
  ["countdown", "countdown", "number"],
  ["timeLimit", "time_limit", "number"],
  ["softTimeLimit", "soft_time_limit", "number"],
  ["shadow", "shadow", "text"],
  ["ignoreResult", "ignore_result", "flag"],
  ["replacedTaskNesting", "replaced_task_nesting", "number"],
  ["queue", "queue", "text"],
  ["exchange", "exchange", "text"],
  ["routingKey", "routing_key", "text"],
  ["priority", "priority", "number"],
  ["headers", "headers", "object"],
];

const OPTION_KEYS: ReadonlySet<string> = new Set(OPTIONS.map(([, key]) => key));

/** Whether an option of signatures has this key on the wire. A stamp with the same name would overwrite it. */
export function isSignatureOption(key: string): boolean {
  return OPTION_KEYS.has(key);
}

/** Writes a signature for `chain`, `chord`, `link` and `link_error`. Times become ISO 8601 strings.
 *
 * @throws {InvalidInput} when a time is not within the years 1 to 9999
 *
 * @example
 * ```ts
 * import { fromWire, toWire } from "./signature.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = toWire({ task: "add", args: [4], kwargs: {}, options: { taskId: "id2" } });
 * assertEquals(wire.options, { task_id: "id2" });
 * assertEquals(fromWire(wire).options.taskId, "id2");
 * ```
 */
export function toWire(signature: Signature): WireSignature {
  const { task, args, kwargs, immutable = false, subtaskType = null } = signature;
  const { stamps } = signature.options;
  const options: Record<string, unknown> = { ...stamps };
  for (const [name, key] of OPTIONS) {
    const value = signature.options[name];
    if (value === undefined || value === null) continue;
    options[key] = value instanceof Date ? toIso(value) : value;
  }
  if (stamps) options["stamped_headers"] = Object.keys(stamps);
  return { task, args, kwargs, options, subtask_type: subtaskType, immutable };
}

/** Reads a wire signature. Drops unknown options, as Celery does.
 *
 * @throws {Malformed} when it is not a signature or an option has the wrong type
 */
export function fromWire(value: unknown): Signature {
  if (!isObject(value)) {
    throw malformed("it is not an object", "send an object with the key 'task'");
  }
  const { task, args = [], kwargs = {}, options = {}, subtask_type: subtaskType = null } = value;
  if (typeof task !== "string" || task === "") {
    throw malformed("its 'task' is not a name", "name a task");
  }
  if (!Array.isArray(args)) throw malformed("its 'args' are not a list", "send a list");
  if (!isObject(kwargs)) throw malformed("its 'kwargs' are not an object", "send an object");
  if (!isObject(options)) throw malformed("its 'options' are not an object", "send an object");
  if (subtaskType !== null && typeof subtaskType !== "string") {
    throw malformed("its 'subtask_type' is not a string", "send a string or null");
  }
  const immutable = value["immutable"] === true;
  return { task, args, kwargs, options: readOptions(options), immutable, subtaskType };
}

function readOptions(wire: Record<string, unknown>): SignatureOptions {
  const options: Record<string, unknown> = {};
  for (const [name, key, kind] of OPTIONS) {
    const value = wire[key];
    if (value !== undefined && value !== null) options[name] = read(kind, value, key);
  }
  const stamped = wire["stamped_headers"];
  if (Array.isArray(stamped)) {
    options["stamps"] = Object.fromEntries(
      stamped.filter((name) => typeof name === "string" && Object.hasOwn(wire, name))
        .map((name) => [name, wire[name]]),
    );
  }
  return options;
}

function read(kind: Kind, value: unknown, key: string): unknown {
  switch (kind) {
    case "anything":
      return value;
    case "list":
      return Array.isArray(value) ? value : [value]; // Celery accepts a single signature in place of a list
    case "time":
      if (typeof value === "string") return fromIso(value);
      break;
    case "moment":
      if (typeof value === "string") return fromIso(value);
      if (typeof value === "number") return value;
      break;
    case "text":
      if (typeof value === "string") return value;
      break;
    case "number":
      if (typeof value === "number") return value;
      break;
    case "flag":
      if (typeof value === "boolean") return value;
      break;
    case "object":
      if (isObject(value)) return value;
  }
  throw malformed(`its option '${key}' has the wrong type`, "see Celery's calling options");
}

function malformed(reason: string, remedy: string): Malformed {
  return new Malformed(`Cannot read signature because ${reason}: ${remedy}`);
}
