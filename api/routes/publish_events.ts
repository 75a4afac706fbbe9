/** `POST /v1/events`: publishes events. */
import { Hono } from "hono";
import type { AuditCounter } from "../access/audit_counter.ts";
import { callerOf } from "../access/request_caller.ts";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import { DatabaseUnavailable } from "../../shared/errors.ts";
import type { CloudEvent } from "../../shared/events/cloud_event.ts";
import type { EventContracts } from "../../shared/events/event_contracts.ts";
import { eventTaskId } from "../../shared/events/event_key.ts";
import type {
  AcceptedEvent,
  CloudEventPublisher,
} from "../../shared/events/cloud_event_publisher.ts";
import { BATCH_TYPE, readHttpEvents } from "../../shared/events/http.ts";
import { mediaType } from "../../shared/events/payload.ts";
import type { SubscriptionCache } from "../../shared/events/subscription_cache.ts";
import { readBytes } from "../http/body.ts";
import { fieldProblem, Problem } from "../http/problem.ts";
import { readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";

/** Maximum bytes of an event: 1 MiB. */
const EVENT_LIMIT = 1024 * 1024;
/** Maximum bytes of a batch: 64 MiB. */
const BATCH_BYTES = 64 * 1024 * 1024;

/** Concurrent publishes of one batch: enough to keep the broker busy. */
const PARALLEL = 500;

/** Source of a plain event without one. */
const SOURCE = "/celeriac";

/** Dependencies of the route. */
export interface PublishEventsParts {
  readonly contracts: EventContracts;
  readonly publisher: Pick<CloudEventPublisher, "publish">;
  readonly subscriptions: Pick<SubscriptionCache, "of">;
  /** Called with the type of each accepted event. */
  accepted?(type: string): void;
}

/** Accepts one event or a batch of them, in any form of {@linkcode readHttpEvents}.
 *
 * Checks all events before it publishes the first one. The response names the tasks that each event becomes by the subscriptions of this
 * moment: their ids follow from the event. */
export function publishEventRoutes(
  parts: PublishEventsParts & {
    /** Maximum events of a batch. */
    batchLimit: number;
    /** Whether events without a contract are accepted. */
    open: boolean;
    /** Counts accepted events for the audit log. */
    counter: Pick<AuditCounter, "add">;
  },
): Hono {
  const { contracts, publisher, subscriptions, batchLimit, open, counter } = parts;
  /** Names of an event's subscriptions; `null` when the database cannot list them. */
  async function subscribers(event: CloudEvent, required: boolean): Promise<string[] | null> {
    try {
      const names = (await subscriptions.of(event)).map(({ name }) => name);
      if (required && names.length === 0) throw noSubscriber(event);
      return names;
    } catch (error) {
      if (required || !(error instanceof DatabaseUnavailable)) throw error;
      return null;
    }
  }

  return new Hono().post("/events", async (c) => {
    const caller = callerOf(c);
    const required = isRequired(readQuery(c.req.queries(), ["require"])["require"]);
    const { headers } = c.req.raw;
    refuseEncoding(headers);
    const isBatch = mediaType(headers.get("content-type") ?? "") === BATCH_TYPE;
    const body = await readBytes(c.req.raw, isBatch ? BATCH_BYTES : EVENT_LIMIT);
    const given = readHttpEvents({ headers, body }, { source: SOURCE, parse: parseStrict });
    if (given.length > batchLimit) {
      throw new Problem(
        "body-too-large",
        `Cannot accept the batch because it has more than ${batchLimit} events: split it`,
      );
    }
    if (isBatch) given.forEach(refuseUnsendable);
    const events = contracts.check(given, { open });
    const names = await Promise.all(events.map((event) => subscribers(event, required)));
    const accepted: object[] = [];
    const queue = events.entries();
    const work = async () => {
      for (const [index, event] of queue) {
        accepted[index] = acceptedEvent(await publisher.publish(event), names[index] ?? null);
        counter.add(caller, event.type, "events:publish");
        parts.accepted?.(event.type);
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, events.length) }, work));
    return c.json(isBatch ? accepted : accepted[0]!, 202);
  });
}

function acceptedEvent({ key, via }: AcceptedEvent, names: readonly string[] | null): object {
  const tasks = names?.map((subscription) => ({
    subscription,
    id: eventTaskId(key, subscription),
  }));
  return { key, via, subscriptions: names, tasks: tasks ?? null };
}

/** Refuses an event of a batch that could not be sent, before another one is. It has the limit of a single event, because brokers refuse
 * large messages.
 *
 * @throws {InvalidInput} when it cannot be written as JSON */
function refuseUnsendable(event: CloudEvent, index: number): void {
  const bytes = encoder.encode(stringifyJson(event)).length;
  if (bytes <= EVENT_LIMIT) return;
  throw new Problem(
    "body-too-large",
    `Cannot accept event [${index}] of the batch because it has ${bytes} bytes and the limit is ${EVENT_LIMIT}: store the data elsewhere and send a reference`,
    { errors: [{ field: `[${index}]`, message: "too large" }] },
  );
}

const encoder = new TextEncoder();

function isRequired(text: string | undefined): boolean {
  if (text === undefined || text === "subscription") return text !== undefined;
  throw fieldProblem("require", "expected `subscription`", ["subscription"]);
}

function refuseEncoding(headers: Headers): void {
  const encoding = headers.get("content-encoding");
  if (encoding === null || encoding === "identity") return;
  throw new Problem(
    "unsupported-content-type",
    `Cannot read the body because its Content-Encoding '${encoding}' is not supported: send it without`,
  );
}

function noSubscriber({ type }: CloudEvent): Problem {
  return new Problem(
    "no-subscriber",
    `Cannot accept an event of type '${type}' because no subscription selects it: add one, or leave out require=subscription`,
  );
}
