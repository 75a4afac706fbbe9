/** Parses subscriptions from requests and serializes them. */
import { z } from "zod";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { checkArguments, type EventArguments } from "../../shared/events/event_arguments.ts";
import type { EventContracts } from "../../shared/events/event_contracts.ts";
import { checkSelection } from "../../shared/events/selection.ts";
import type {
  NewSubscription,
  StoredSubscription,
} from "../../shared/events/subscription_store.ts";
import { checkName } from "../../shared/schedules/schedule.ts";
import { closest } from "../../shared/text/closest.ts";
import { fieldProblem } from "../http/problem.ts";
import { strictRefusal } from "../http/strict_object.ts";
import { isLabel } from "../http/label.ts";
import type { SubmissionRules } from "./submission.ts";

const attribute = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: "expected text, a number, a boolean, or null for any value",
});

/** The body of a new subscription, also for the OpenAPI document. */
export const SubscriptionBody = z.strictObject({
  name: z.string().describe("Unique: 1 to 200 letters, digits and `_ . : @ -`"),
  patterns: z.array(z.string()).min(1).max(100)
    .describe("Types of events: words between dots; `*` is any one word, `#` any number of words"),
  where: z.record(z.string(), attribute).optional()
    .describe("Attributes that an event must have: equal values, or null for any"),
  match: z.enum(["all", "any"]).optional()
    .describe("Whether all or any attributes of `where` must match; default `all`"),
  task: z.string().describe("Name of the task"),
  queue: z.string().optional()
    .describe("Queue of the task; default: the one of its contract"),
  args: z.union([z.string(), z.record(z.string(), z.string())]).optional()
    .describe(
      'JSON pointers into the event by argument, or one pointer to all arguments; default `/data` for one known type, otherwise `{"event": ""}`',
    ),
});

const NAMES = Object.keys(SubscriptionBody.shape);

/** What a subscription may refer to. */
export interface SubscriptionRules extends SubmissionRules {
  readonly contracts: EventContracts;
  /** Whether types without a contract are accepted. */
  readonly eventsOpen: boolean;
}

/** Reads and checks a subscription.
 *
 * @throws {Problem} `invalid-input` naming every invalid field
 * @throws {InvalidInput} for an invalid name, pattern, attribute or argument */
export function readSubscription(body: unknown, rules: SubscriptionRules): NewSubscription {
  const parsed = SubscriptionBody.safeParse(body);
  if (!parsed.success) {
    throw strictRefusal(parsed.error, {
      what: "the subscription",
      known: NAMES,
      unknown: "unknown field",
    });
  }
  const { name, patterns, where = {}, match = "all" } = parsed.data;
  checkName(name);
  checkSelection({ patterns, where, match });
  const known = patterns.map((pattern) => knownType(pattern, rules));
  const events = known.filter((contract) => contract !== undefined);
  const { contract, ...deliver } = deliveryOf(parsed.data, rules);
  const byData = events.length === 1 && patterns.length === 1;
  const args: EventArguments = parsed.data.args ?? (byData ? "/data" : { event: "" });
  checkArguments(args, { events: events.length === patterns.length ? events : [], task: contract });
  return { name, patterns, where, match, deliver: { ...deliver, args } };
}

/** @returns keys as in {@linkcode readSubscription}, and its state */
export function subscriptionBody(subscription: StoredSubscription): Record<string, unknown> {
  const { name, patterns, where, match, deliver, source, pausedAt } = subscription;
  return {
    name,
    patterns,
    where,
    match,
    task: deliver.task,
    queue: deliver.queue,
    args: deliver.args,
    source,
    paused: pausedAt !== null,
    paused_at: pausedAt,
    created_at: subscription.createdAt,
    updated_at: subscription.updatedAt,
  };
}

/** The contract of a pattern without placeholders; a pattern with placeholders may select future types. */
function knownType(pattern: string, { contracts, eventsOpen }: SubscriptionRules) {
  const contract = contracts.get(pattern);
  if (contract || eventsOpen || /[*#]/.test(pattern)) return contract;
  const types = Array.from(contracts, ({ type }) => type);
  const near = closest(pattern, types);
  throw fieldProblem(
    "patterns",
    `no contract has type '${pattern}': ${
      near ? `did you mean '${near}'?` : "see GET /v1/events/types, or set CELERIAC_EVENTS_OPEN"
    }`,
    types,
  );
}

function deliveryOf(
  { task, queue }: { task: string; queue?: string | undefined },
  { registry, queues, foreignQueues }: SubscriptionRules,
): { task: string; queue: string; contract: TaskContract | undefined } {
  const contract = registry.get(task);
  const foreign = queue !== undefined && foreignQueues.has(queue);
  if (!contract && !foreign) {
    const near = registry.suggest(task);
    throw fieldProblem(
      "task",
      `no contract is named '${task.slice(0, 200)}': ${
        near
          ? `did you mean '${near}'?`
          : "a task of another system needs a 'queue' that CELERIAC_FOREIGN_QUEUES lists"
      }`,
      Array.from(registry, ({ name }) => name),
    );
  }
  if (contract?.ignoreResult) {
    throw fieldProblem(
      "task",
      `task '${task}' ignores results, so copies of an event would run again: remove ignoreResult from its contract, or choose another task`,
    );
  }
  if (!isLabel(task)) {
    throw fieldProblem("task", "expected 1 to 255 characters without control characters");
  }
  if (queue !== undefined && !foreign && !queues.has(queue)) {
    const allowed = [...queues, ...foreignQueues];
    const near = closest(queue, allowed);
    throw fieldProblem(
      "queue",
      `queue '${
        queue.slice(0, 255)
      }' is neither a contract's nor listed in CELERIAC_FOREIGN_QUEUES${
        near ? `: did you mean '${near}'?` : ""
      }`,
      allowed,
    );
  }
  return { task, queue: queue ?? contract!.queue, contract };
}
