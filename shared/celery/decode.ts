/** Decodes task messages of Celery's protocols 1 and 2. */
import type { Headers, Message } from "../broker/message.ts";
import { ContentTypeRefused, Malformed } from "../errors.ts";
import { readText } from "./body.ts";
import { userHeaders } from "./headers.ts";
import { parseJson } from "./python_json.ts";
import type { Embed, TaskMessage } from "./task_message.ts";
import { repr, reprArgs } from "./repr.ts";
import { isCount, isName, isObject, isSeconds, isText, MAX_NAME } from "./shape.ts";
import { fromIso } from "./time.ts";
import { decodeTyped, mayBeTyped } from "./typed.ts";

/** Maximum characters of the sender's representations. Longer ones are replaced by our own. */
const MAX_REPR = 4096;

/** A parsed body; its typed values are not decoded yet. */
interface Content {
  readonly args: unknown;
  readonly kwargs: unknown;
  readonly embed: unknown;
  readonly typed: boolean;
}

/** Reads a task message. Refuses messages that crash a Python worker, that it rejects, or that it answers with a TypeError. Where a Python
 * worker runs a message despite a wrong type, invalid labels (`shadow`, `group`, `root_id` etc.) count as absent, and invalid arguments
 * and counts are refused.
 *
 * @throws {Malformed} with the reason, and with the task's id if it is readable
 * @throws {ContentTypeRefused} when its content type is not exactly `application/json`
 */
export function decodeTask(message: Message): TaskMessage {
  const { headers, properties: { contentType } } = message;
  if (contentType !== "application/json") {
    const type = contentType === undefined ? "absent" : `'${contentType.slice(0, MAX_NAME)}'`;
    throw new ContentTypeRefused(
      `Cannot read message because its content type is ${type}: send application/json`,
      isName(headers["id"]) ? headers["id"] : undefined,
    );
  }
  const decode = Object.hasOwn(headers, "task") ? decodeV2 : decodeV1;
  return identified(headers["id"], () => decode(message));
}

/** Protocol 2: metadata in the headers, body `[args, kwargs, embed]`. */
function decodeV2(message: Message): TaskMessage {
  const text = readText(message.body, message.headers["compression"]);
  const body = parseJson(text, { typed: "keep" });
  if (!Array.isArray(body) || body.length !== 3) {
    throw malformed("its body is not a list of three", "send [args, kwargs, embed]");
  }
  const [args, kwargs, embed] = body;
  return assemble(message.headers, { args, kwargs, embed, typed: mayBeTyped(text) }, message);
}

/** Protocol 1: one object in the body; the next step of a chain is among its callbacks. */
function decodeV1(message: Message): TaskMessage {
  const text = readText(message.body, message.headers["compression"]);
  const body = parseJson(text, { typed: "keep" });
  if (!isObject(body)) {
    throw malformed("it has no header 'task' and its body is not an object", "send protocol 2");
  }
  return identified(body["id"], () => {
    if (body["utc"] === false && (isNaive(body["eta"]) || isNaive(body["expires"]))) {
      throw malformed("its times are in an unknown local timezone", "set enable_utc in the sender");
    }
    const { args = [], kwargs = {}, callbacks, errbacks, chord } = body;
    const embed = { callbacks, errbacks, chord };
    return assemble(body, { args, kwargs, embed, typed: mayBeTyped(text) }, message);
  });
}

/** @param source the headers (protocol 2) or the body (protocol 1), which use the same names */
function assemble(
  source: Record<string, unknown>,
  content: Content,
  { headers, properties }: Message,
): TaskMessage {
  const { id, task } = source;
  if (!isName(id)) throw malformed("its id is not a string of 1 to 255 characters", "send one");
  if (!isName(task)) {
    throw malformed("its task is not a name of 1 to 255 characters", "name a task");
  }
  const { args, kwargs, embed } = read(content);
  const [timeLimit, softTimeLimit] = readLimits(source["timelimit"]);
  return {
    id,
    task,
    args,
    kwargs,
    embed,
    retries: readRetries(source["retries"]),
    eta: readTime(source, "eta"),
    expires: readTime(source, "expires"),
    timeLimit,
    softTimeLimit,
    rootId: label(source["root_id"]) ?? id,
    parentId: label(source["parent_id"]),
    group: label(source["group"]),
    groupIndex: isCount(source["group_index"]) ? source["group_index"] : null,
    shadow: label(source["shadow"]),
    argsRepr: shown(source["argsrepr"]) ?? reprArgs(args),
    kwargsRepr: shown(source["kwargsrepr"]) ?? repr(kwargs),
    origin: label(source["origin"]),
    ignoreResult: typeof source["ignore_result"] === "boolean" ? source["ignore_result"] : null,
    replacedTaskNesting: isCount(source["replaced_task_nesting"])
      ? source["replaced_task_nesting"]
      : 0,
    stamps: isObject(headers["stamps"]) ? headers["stamps"] as Headers : {},
    replyTo: properties.replyTo ?? null,
    correlationId: properties.correlationId ?? null,
    priority: properties.priority ?? null,
    headers: userHeaders(headers),
  };
}

function read(
  { args, kwargs, embed, typed }: Content,
): Pick<TaskMessage, "args" | "kwargs" | "embed"> {
  if (!Array.isArray(args)) throw malformed("its args are not a list", "send a list");
  if (!isObject(kwargs)) throw malformed("its kwargs are not an object", "send an object");
  const follows = readEmbed(embed);
  if (!typed) return { args, kwargs, embed: follows };
  decodeTyped(structuredClone(embed)); // throws if a later Python worker could not read it
  const values = decodeTyped({ args, kwargs }) as { args: unknown; kwargs: unknown };
  if (!isObject(values.kwargs)) throw malformed("its kwargs are typed JSON", "send an object");
  return { args, kwargs: values.kwargs, embed: follows };
}

const NOTHING: Embed = Object.freeze({ callbacks: null, errbacks: null, chain: null, chord: null });

function readEmbed(embed: unknown): Embed {
  if (embed === null || Array.isArray(embed) && embed.length === 0) return NOTHING;
  if (!isObject(embed)) throw malformed("its embed is not an object", "send embed as an object");
  const chord = embed["chord"] ?? null;
  if (chord !== null && !isObject(chord)) {
    throw malformed("its chord is not a signature", "send one");
  }
  return {
    callbacks: signatures(embed, "callbacks"),
    errbacks: signatures(embed, "errbacks"),
    chain: signatures(embed, "chain"),
    chord: chord && Object.keys(chord).length > 0 ? chord : null,
  };
}

function signatures(embed: Record<string, unknown>, name: keyof Embed): unknown[] | null {
  const list = embed[name] ?? null;
  if (list === null) return null;
  if (!Array.isArray(list) || !list.every(isObject)) {
    throw malformed(`its ${name} are not a list of signatures`, "send a list or null");
  }
  return list;
}

function readLimits(value: unknown): [number | null, number | null] {
  if (value === null || value === undefined) return [null, null];
  if (!Array.isArray(value) || value.length !== 2 || !value.every(isLimit)) {
    throw malformed("its timelimit is not [hard, soft]", "send two numbers of seconds, or nulls");
  }
  return [value[0] || null, value[1] || null]; // 0 means no limit, as in Celery
}

function isLimit(value: unknown): boolean {
  return value === null || isSeconds(value);
}

function readRetries(value: unknown): number {
  if (value === null || value === undefined) return 0;
  if (!isCount(value)) throw malformed("its retries are not a count", "send a whole number from 0");
  return value;
}

function readTime(source: Record<string, unknown>, name: "eta" | "expires"): Date | null {
  const value = source[name] ?? null;
  if (value === null) return null;
  if (typeof value === "string") return fromIso(value);
  throw malformed(
    `its ${name} is not an ISO 8601 string`,
    "write it like 2026-01-02T03:04:05+00:00",
  );
}

function isNaive(value: unknown): boolean {
  return typeof value === "string" && !/(?:[Zz]|[+-]\d\d:?\d\d)$/.test(value);
}

function label(value: unknown): string | null {
  return isName(value) ? value : null;
}

function shown(value: unknown): string | null {
  return isText(value) && value.length <= MAX_REPR ? value : null;
}

function identified<Result>(id: unknown, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Malformed) || error.id !== undefined || !isName(id)) throw error;
    throw new Malformed(error.message, id, { cause: error });
  }
}

function malformed(reason: string, remedy: string): Malformed {
  return new Malformed(`Cannot read task message because ${reason}: ${remedy}`);
}
