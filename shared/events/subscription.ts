/** Subscriptions: which events become which task. */
import type { z } from "zod";
import { refuseUnknownKeys } from "../contracts/known_keys.ts";
import { isContract, type TaskContract } from "../contracts/task.ts";
import { ConfigurationError, InvalidInput } from "../errors.ts";
import { checkName } from "../schedules/schedule.ts";
import { checkArguments, type EventArguments } from "./event_arguments.ts";
import { type EventContract, isEventContract } from "./event_contract.ts";
import { checkSelection, type Selection, type Where } from "./selection.ts";

const SUBSCRIPTION = Symbol.for("celeriac.subscription");

/** Events of contracts, or of types that match patterns. */
export type EventChoice = EventContract | string | readonly (EventContract | string)[];

/** Argument of {@linkcode on}. */
export interface SubscriptionDefinition<Input extends z.ZodObject = z.ZodObject> {
  /** Unique in the app: 1 to 200 letters, digits, and `_ . : @ -`. Ids of tasks are made from it, so a renamed subscription is another one. */
  name: string;
  /** A contract, or the name of a task of another system, which needs `queue`. The task must keep its results, because that is how copies
   * of an event are recognised. */
  task: TaskContract<Input> | string;
  /** Queue of the task. Default: the contract's. */
  queue?: string;
  /** JSON pointers into the event by argument, such as `{ order: "/data/order" }`, or one pointer to an object with all arguments. A
   * pointer to nothing leaves its argument out. Default: `/data` for one contract; `{ event: "" }`, the whole event, otherwise. */
  args?: string | { readonly [Name in keyof z.input<Input> & string]?: string };
  /** Attributes that an event must have: equal values, or `null` for any. */
  where?: Where;
  /** Whether `all` (default) or `any` of the attributes in `where` must match. */
  match?: "all" | "any";
}

/** How an event becomes a task. */
export interface EventDelivery {
  /** Name of the task. */
  readonly task: string;
  /** Broker name of its queue. */
  readonly queue: string;
  /** Where its arguments are in the event. */
  readonly args: EventArguments;
}

/** A subscription that an app's contracts module exports. */
export interface EventSubscription extends Selection {
  /** Unique in the app. */
  readonly name: string;
  /** How an event becomes a task. */
  readonly deliver: EventDelivery;
  /** The contracts of its events and of its task, as far as it has them. */
  readonly contracts: { readonly events: readonly EventContract[]; readonly task?: TaskContract };
}

const KEYS: Readonly<Record<keyof SubscriptionDefinition, true>> = {
  name: true,
  task: true,
  queue: true,
  args: true,
  where: true,
  match: true,
};

const SYNONYMS = {
  kwargs: "args",
  handler: "task",
  attributes: "where",
  filter: "where",
  id: "name",
};

/** Makes a task of each event of a kind. Export the returned value from the contracts module.
 *
 * @param events contracts of events, or patterns of types: words between dots, of which `*` is any one word and `#` any number of words
 * @throws {ConfigurationError} when a pattern, the task or its arguments are invalid
 *
 * @example
 * ```ts
 * import { defineEvent, defineTask, on, z } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const orderPaid = defineEvent({ type: "orders.eu.paid", data: z.object({ order: z.string() }) });
 * const sendReceipt = defineTask({ name: "send_receipt", input: z.object({ order: z.string() }) });
 * const receipt = on(orderPaid, { name: "receipt", task: sendReceipt });
 * const mail = on("orders.#", { name: "mail", task: "shop.mail", queue: "celery", where: { tenant: "acme" } });
 * assertEquals([receipt.patterns, receipt.deliver.args], [["orders.eu.paid"], "/data"]);
 * assertEquals(mail.deliver.args, { event: "" });
 * ```
 */
export function on<Input extends z.ZodObject>(
  events: EventChoice,
  definition: SubscriptionDefinition<Input>,
): EventSubscription {
  const doing = `define subscription '${definition?.name}'`;
  refuseUnknownKeys(definition, Object.keys(KEYS), { doing, synonyms: SYNONYMS });
  const { name, task, where = {}, match = "all" } = definition;
  const chosen = [events].flat();
  const contracts = chosen.filter(isEventContract);
  try {
    checkName(name);
    const selection = { patterns: patternsOf(chosen), where: { ...where }, match };
    checkSelection(selection);
    const { contract, ...deliver } = deliveryOf(task, definition.queue);
    const only = chosen.length === 1 ? contracts[0] : undefined;
    const { args = only ? "/data" : { event: "" } } = definition as { args?: EventArguments };
    checkArguments(args, {
      events: contracts.length === chosen.length ? contracts : [],
      task: contract,
    });
    return Object.freeze({
      name,
      ...selection,
      deliver: Object.freeze({ ...deliver, args }),
      contracts: { events: contracts, ...(contract && { task: contract }) },
      [SUBSCRIPTION]: true,
    });
  } catch (cause) {
    if (!(cause instanceof InvalidInput)) throw cause;
    throw new ConfigurationError(
      `Cannot ${doing} because of its ${cause.field}: ${cause.message}`,
      { cause },
    );
  }
}

/** Every subscription that a module exports, alone or in an array.
 *
 * @throws {ConfigurationError} when two share a name, or one has a contract that the module does not export, or names a task of the module
 * that ignores results */
export function subscriptionsOf(exports: Record<string, unknown>): EventSubscription[] {
  const exported = Object.values(exports).flat();
  const types = new Set(exported.filter(isEventContract).map(({ type }) => type));
  const tasks = new Map(exported.filter(isContract).map((contract) => [contract.name, contract]));
  const found = new Map<string, EventSubscription>();
  for (const one of exported.filter(isSubscription)) {
    const refuse = (reason: string) =>
      new ConfigurationError(`Cannot use subscription '${one.name}' because ${reason}`);
    const other = found.get(one.name);
    if (other && other !== one) throw refuse("another one has that name: rename one of them");
    found.set(one.name, one);
    const event = one.contracts.events.find(({ type }) => !types.has(type));
    if (event) {
      throw refuse(`the contracts module has no event '${event.type}': export its contract there`);
    }
    const task = one.contracts.task?.name;
    if (task !== undefined && !tasks.has(task)) {
      throw refuse(`the contracts module has no task '${task}': export its contract there`);
    }
    if (tasks.get(one.deliver.task)?.ignoreResult) {
      throw refuse(
        `task '${one.deliver.task}' ignores results, so copies of an event would run again: remove its ignoreResult`,
      );
    }
  }
  return [...found.values()];
}

/** Contracts are patterns without placeholders. */
export function patternsOf(chosen: readonly (EventContract | string)[]): string[] {
  return chosen.map((one) => isEventContract(one) ? one.type : one);
}

function isSubscription(value: unknown): value is EventSubscription {
  return typeof value === "object" && value !== null && SUBSCRIPTION in value;
}

function deliveryOf(
  task: unknown,
  queue: string | undefined,
): Omit<EventDelivery, "args"> & { contract?: TaskContract } {
  if (isContract(task)) {
    if (!task.ignoreResult) return { task: task.name, queue: queue ?? task.queue, contract: task };
    throw new InvalidInput(
      `Cannot send task '${task.name}' because it ignores results, so copies of an event would run again: remove its ignoreResult`,
      "task",
    );
  }
  if (typeof task !== "string" || task === "") {
    throw new InvalidInput(
      "Cannot send a task because it is neither a contract nor a name: give what defineTask() returns",
      "task",
    );
  }
  if (queue !== undefined) return { task, queue };
  throw new InvalidInput(
    `Cannot send task '${task}' because it has neither a contract nor a queue: give its contract, or queue`,
    "queue",
  );
}
