/** Arguments of a task, taken from an event by JSON pointers. */
import type { z } from "zod";
import type { TaskContract } from "../contracts/task.ts";
import { InvalidInput } from "../errors.ts";
import { closest } from "../text/closest.ts";
import { CORE, DATA_MEMBERS } from "./attributes.ts";
import type { CloudEvent } from "./cloud_event.ts";
import type { EventContract } from "./event_contract.ts";
import { parsePointer, resolvePointer } from "./json_pointer.ts";

/** A JSON pointer for each argument, or one to an object with all arguments. */
export type EventArguments = string | Readonly<Record<string, string>>;

/** The keyword arguments that an event gives a task. A pointer to nothing leaves its argument out.
 *
 * @throws {InvalidInput} when the only pointer selects no object
 *
 * @example
 * ```ts
 * import { argumentsFrom } from "./event_arguments.ts";
 * import { cloudEvent } from "./cloud_event.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = cloudEvent({ specversion: "1.0", id: "1", source: "/s", type: "paid", data: { order: "17" } });
 * assertEquals(argumentsFrom(event, "/data"), { order: "17" });
 * assertEquals(argumentsFrom(event, { id: "/data/order", of: "/subject" }), { id: "17" });
 * ```
 */
export function argumentsFrom(event: CloudEvent, args: EventArguments): Record<string, unknown> {
  if (typeof args === "string") {
    const value = resolvePointer(event, args);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
    throw new InvalidInput(
      `Cannot take arguments from '${args}' because the event has no object there: send one, or give args a pointer for each argument`,
      "args",
    );
  }
  const values = Object.entries(args).map(([name, pointer]) =>
    [name, resolvePointer(event, pointer)] as const
  );
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** Checks arguments at their definition: the pointers, their first names, and the names that contracts know.
 *
 * @param contracts.events contracts of all events; none if there are events without a contract
 * @throws {InvalidInput} `args`, or the argument, such as `args.order` */
export function checkArguments(
  args: EventArguments,
  { events, task }: { events: readonly EventContract[]; task?: TaskContract | undefined },
): void {
  if (typeof args === "string") {
    checkPointer(args, "args", events);
    const [data, ...deeper] = parsePointer(args);
    if (data === "data" && deeper.length === 0) {
      for (const event of events) checkPayload(event, task);
    }
    return;
  }
  if (typeof args !== "object" || args === null || Array.isArray(args)) {
    throw new InvalidInput(
      "Cannot take arguments because args is neither a JSON pointer nor an object of them: write { order: '/data/order' }",
      "args",
    );
  }
  for (const [name, pointer] of Object.entries(args)) checkPointer(pointer, `args.${name}`, events);
  if (task) checkNames(Object.keys(args), task);
}

function checkPointer(pointer: string, field: string, events: readonly EventContract[]): void {
  const refuse = (why: string, remedy: string) =>
    new InvalidInput(`Cannot use pointer '${pointer}' because ${why}: ${remedy}`, field);
  const refuseUnknown = (name: string, known: readonly string[], owner: string) => {
    const near = closest(name, known);
    const remedy = near ? `did you mean '${near}'?` : `choose from ${known.join(", ")}`;
    return refuse(`${owner} '${name}'`, remedy);
  };
  const [member, ...names] = parsePointer(pointer);
  if (member === undefined) return;
  if (!/^[a-z0-9]{1,64}$/.test(member) && !DATA_MEMBERS.includes(member)) {
    throw refuse(`'${member}' is no attribute of an event`, "begin with '/data' or an attribute");
  }
  for (const { type, data, attributes } of events) {
    const known = [...CORE, ...DATA_MEMBERS, ...Object.keys(attributes)];
    if (!known.includes(member)) {
      throw refuseUnknown(member, known, `event '${type}' has no attribute`);
    }
    let schema = member === "data" ? objectOf(data) : undefined;
    for (const name of names) {
      if (!schema || schema.def.catchall) break;
      const keys = Object.keys(schema.shape);
      if (!keys.includes(name)) {
        throw refuseUnknown(name, keys, `the data of event '${type}' has no key`);
      }
      schema = objectOf(schema.shape[name]);
    }
  }
}

/** The data is the arguments: it must have every one that the task needs, and none that it refuses. */
function checkPayload(
  { type, data }: EventContract,
  task: TaskContract | undefined,
): void {
  const schema = objectOf(data);
  if (!schema) {
    throw new InvalidInput(
      `Cannot take arguments from the data of event '${type}' because its schema is no object: give args, such as { event: '' }`,
      "args",
    );
  }
  if (!task) return;
  const names = Object.keys(schema.shape);
  const known = Object.keys(task.input.shape);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined && task.input.def.catchall?._zod.def.type === "never") {
    throw new InvalidInput(
      `Cannot send argument '${wrong}' because task '${task.name}' refuses it: give args without it`,
      "args",
    );
  }
  if (!schema.def.catchall) checkComplete(names, task);
}

function checkNames(names: readonly string[], task: TaskContract): void {
  const known = Object.keys(task.input.shape);
  const { catchall } = task.input.def;
  const open = catchall !== undefined && catchall._zod.def.type !== "never";
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined && !open) {
    const near = closest(wrong, known);
    throw new InvalidInput(
      `Cannot send argument '${wrong}' because task '${task.name}' has no such argument: ${
        near ? `did you mean '${near}'?` : `choose from ${known.join(", ") || "none"}`
      }`,
      `args.${wrong}`,
    );
  }
  checkComplete(names, task);
}

function checkComplete(names: readonly string[], { name: task, input }: TaskContract): void {
  const missing = Object.keys(input.shape).find((name) =>
    !names.includes(name) && !input.shape[name].safeParse(undefined).success
  );
  if (missing === undefined) return;
  throw new InvalidInput(
    `Cannot send task '${task}' because it needs argument '${missing}': add { ${missing}: '/data/...' } to args`,
    `args.${missing}`,
  );
}

/** An object's schema, also when it is optional, nullable or has a default. */
function objectOf(schema: z.ZodType | undefined): z.ZodObject | undefined {
  const def = schema?.def as { type: string; innerType?: z.ZodType } | undefined;
  if (def?.type === "object") return schema as z.ZodObject;
  return def?.innerType && objectOf(def.innerType);
}
