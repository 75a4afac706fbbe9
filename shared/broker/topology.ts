/** What must exist on the broker: names, queues and the ways that lead to them. Pure: values in, values out.
 *
 * | exchange | type | what travels |
 * |---|---|---|
 * | `celeriac` | direct | tasks; routing key = name of the queue |
 * | `match.celeriac` | headers | tasks of senders whose routing key is not free (bridges, shovels, a shop's own key scheme): header `celeriac-queue` = name of the queue |
 * | `dlx.celeriac` | fanout | dead letters, all to `celeriac.dead` |
 * | `celeryev` | topic | Celery's events |
 * | `celery.pidbox` | fanout | Celery's remote control, to every worker |
 * | `reply.celery.pidbox` | direct | its answers |
 * | `celery_delayed_delivery` | topic | tasks that Celery (from 5.5) has delayed inside the broker, once they are due |
 *
 * No exchange is named like a queue (`celeriac.<name>`): RabbitMQ's permission patterns match both alike.
 * @module
 */
import {
  type Binding,
  type Declaration,
  type Exchange,
  EXCHANGE_TYPES,
  type Queue,
} from "./declaration.ts";
import type { Message } from "./message.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "../celery/control.ts";
import { EVENT_EXCHANGE } from "../celery/event.ts";
import { InvalidInput } from "../errors.ts";

/** A rule that the broker applies to queues by name; only the one of highest priority holds for a queue. */
export interface Policy {
  readonly name: string;
  /** Regular expression (PCRE), unanchored. */
  readonly pattern: string;
  /** Never alike in two policies: RabbitMQ breaks ties by chance. */
  readonly priority: number;
  readonly definition: Readonly<Record<string, string | number>>;
}

/** All that is declared. */
export interface Topology extends Declaration {
  readonly policies: readonly Policy[];
}

/** Exchange of tasks. */
export const TASK_EXCHANGE = "celeriac";
/** Exchange of tasks for senders who cannot choose the routing key. */
export const MATCH_EXCHANGE = "match.celeriac";
/** Header by which {@linkcode MATCH_EXCHANGE} finds the queue. */
export const MATCH_HEADER = "celeriac-queue";
/** Exchange of dead letters. */
export const DEAD_EXCHANGE = "dlx.celeriac";
/** Where messages come out that Celery has delayed inside the broker (kombu/transport/native_delayed_delivery.py): their routing key is
 * the delay in binary digits, then that of the queue. */
export const DELAYED_EXCHANGE = "celery_delayed_delivery";
/** Queue of dead letters. */
export const DEAD_QUEUE = "celeriac.dead";
/** What the names of our queues begin with. */
export const QUEUE_PREFIX = "celeriac.";

/** Failed deliveries that the broker allows, one less than it makes. Before 4.3 every message given back at a worker's stop counts as
 * failed, so this is only the net below the workers' own count of crashes. */
export const DELIVERY_LIMIT = 100;

/** From RabbitMQ 4.0 a queue without a limit has one of 20, past which it drops what has no dead-letter exchange: looking through
 * the dead letters would destroy them. 3.10 refuses -1 for "no limit". */
const DEAD_DELIVERY_LIMIT = 1_000_000;

const TASKS: Exchange = { name: TASK_EXCHANGE, type: "direct", durable: true };
const MATCHES: Exchange = { name: MATCH_EXCHANGE, type: "headers", durable: true };
const DEAD_LETTERS: Exchange = { name: DEAD_EXCHANGE, type: "fanout", durable: true };
const EVENTS: Exchange = { name: EVENT_EXCHANGE, type: "topic", durable: true };
const CONTROL: Exchange = { name: CONTROL_EXCHANGE, type: "fanout", durable: false };
const REPLIES: Exchange = { name: REPLY_EXCHANGE, type: "direct", durable: false };
const DELAYED: Exchange = { name: DELAYED_EXCHANGE, type: "topic", durable: true };

const POLICIES: readonly Policy[] = [
  {
    name: "celeriac-tasks",
    pattern: `^celeriac\\.(?!dead$)`,
    priority: 100,
    definition: {
      "dead-letter-exchange": DEAD_EXCHANGE,
      "dead-letter-strategy": "at-least-once",
      "overflow": "reject-publish",
      "delivery-limit": DELIVERY_LIMIT,
    },
  },
  {
    // No length limit: when full it would either drop the evidence or turn every bad message into a loop.
    name: "celeriac-dead",
    pattern: `^celeriac\\.dead$`,
    priority: 110,
    definition: { "delivery-limit": DEAD_DELIVERY_LIMIT },
  },
];

/** Everything there is on the broker for these queues.
 *
 * @param queues names that begin with `celeriac.`, each once
 *
 * @example
 * ```ts
 * import { topology } from "./topology.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { queues, exchanges } = topology(["celeriac.images"]);
 * assertEquals(queues.map(({ name }) => name), ["celeriac.images", "celeriac.dead"]);
 * assertEquals(exchanges[0], { name: "celeriac", type: "direct", durable: true });
 * ```
 */
export function topology(queues: readonly string[]): Topology {
  return {
    exchanges: [TASKS, MATCHES, DEAD_LETTERS, EVENTS, CONTROL, REPLIES, DELAYED],
    queues: [...queues, DEAD_QUEUE].map(quorum),
    bindings: [
      ...queues.flatMap((queue) => [byKey(queue), byHeader(queue), whenDue(queue)]),
      DEAD_BINDING,
    ],
    policies: POLICIES,
  };
}

/** What a process declares, or checks, when it connects. The API takes dead letters in and sends none; nobody but an administrator sets policies.
 *
 * The exchanges of remote control are not durable: a restart of the broker takes them away, so they are declared with every connection.
 *
 * @param queues names of the queues that the process publishes to or consumes; those of other systems are theirs to make */
export function declarationFor(
  role: "api" | "worker" | "beat" | "dev" | "inspect",
  queues: readonly string[],
): Declaration {
  switch (role) {
    case "api":
      return {
        exchanges: [TASKS, EVENTS, CONTROL, REPLIES],
        queues: [...queues, DEAD_QUEUE].map(quorum),
        bindings: queues.map(byKey),
      };
    case "worker": {
      const own = queues.filter((queue) => queue.startsWith(QUEUE_PREFIX));
      return {
        exchanges: [TASKS, DEAD_LETTERS, EVENTS, CONTROL, REPLIES, DELAYED],
        queues: [...own, DEAD_QUEUE].map(quorum),
        bindings: [...own.flatMap((queue) => [byKey(queue), whenDue(queue)]), DEAD_BINDING],
      };
    }
    case "beat":
      return { exchanges: [TASKS], queues: [], bindings: [] };
    case "inspect":
      return { exchanges: [CONTROL, REPLIES], queues: [], bindings: [] };
    case "dev": {
      const { exchanges, queues: all, bindings } = topology(queues);
      return { exchanges, queues: all, bindings };
    }
  }
}

/** How a queue is bound that a worker is told to consume at run time. */
export interface ConsumedQueue {
  /** Default: `celeriac` for our queues, an exchange of the queue's name for others, as in Celery. */
  readonly exchange?: string | undefined;
  /** Default `direct`. */
  readonly exchangeType?: string | undefined;
  /** Default: the queue's name. */
  readonly routingKey?: string | undefined;
}

/** What a worker declares before it consumes one more queue (celery/app/amqp.py, `Queues.add_missing`).
 *
 * @throws {InvalidInput} when there is no such type of exchange
 *
 * @example
 * ```ts
 * import { consumedDeclaration } from "./topology.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { exchanges, queues } = consumedDeclaration("emails");
 * assertEquals(exchanges, [{ name: "emails", type: "direct", durable: true }]);
 * assertEquals(queues, [{ name: "emails" }]);
 * ```
 */
export function consumedDeclaration(
  queue: string,
  { exchange, exchangeType = "direct", routingKey = queue }: ConsumedQueue = {},
): Declaration {
  const own = queue.startsWith(QUEUE_PREFIX) ? declarationFor("worker", [queue]) : undefined;
  if (own && exchange === undefined) return own;
  const name = exchange ?? queue;
  if (!isExchangeType(exchangeType)) {
    throw new InvalidInput(
      `Cannot bind queue '${queue}' because '${exchangeType}' is not a type of exchange: use ${
        EXCHANGE_TYPES.join(", ")
      }`,
      "exchange_type",
    );
  }
  return {
    exchanges: [...own?.exchanges ?? [], { name, type: exchangeType, durable: true }],
    queues: own?.queues ?? [{ name: queue }],
    bindings: [...own?.bindings ?? [], { exchange: name, queue, routingKey }],
  };
}

function isExchangeType(text: string): text is Exchange["type"] {
  return (EXCHANGE_TYPES as readonly string[]).includes(text);
}

/** How a queue is reached: ours by the task exchange, another system's by the default exchange.
 *
 * @example
 * ```ts
 * import { destinationOf } from "./topology.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(destinationOf("celeriac.images"), { exchange: "celeriac", routingKey: "celeriac.images" });
 * assertEquals(destinationOf("celery"), { exchange: "", routingKey: "celery" });
 * ```
 */
export function destinationOf(queue: string): Pick<Message, "exchange" | "routingKey"> {
  return { exchange: queue.startsWith(QUEUE_PREFIX) ? TASK_EXCHANGE : "", routingKey: queue };
}

/** Whether an exchange is one that we see to: the broker's default exchange, or one of {@linkcode topology}. */
export function isOurExchange(name: string): boolean {
  return name === "" || topology([]).exchanges.some((exchange) => exchange.name === name);
}

const DEAD_BINDING: Binding = { exchange: DEAD_EXCHANGE, queue: DEAD_QUEUE, routingKey: "" };

function quorum(name: string): Queue {
  return { name, type: "quorum" };
}

function byKey(queue: string): Binding {
  return { exchange: TASK_EXCHANGE, queue, routingKey: queue };
}

/** As a worker of Celery's binds its own queues. */
function whenDue(queue: string): Binding {
  return { exchange: DELAYED_EXCHANGE, queue, routingKey: `#.${queue}` };
}

function byHeader(queue: string): Binding {
  return {
    exchange: MATCH_EXCHANGE,
    queue,
    routingKey: "",
    arguments: { "x-match": "all", [MATCH_HEADER]: queue },
  };
}
