/** The exchanges, queues, bindings and policies that must exist on the broker.
 *
 * | exchange | type | messages |
 * |---|---|---|
 * | `celeriac` | direct | tasks; routing key = queue name |
 * | `match.celeriac` | headers | tasks of senders that cannot choose the routing key (bridges, shovels, own key schemes): header `celeriac-queue` = queue name |
 * | `dlx.celeriac` | fanout | dead letters, all to `celeriac.dead` |
 * | `celeryev` | topic | Celery events |
 * | `celery.pidbox` | fanout | Celery remote control commands, to every worker |
 * | `reply.celery.pidbox` | direct | replies to remote control commands |
 * | `celery_delayed_delivery` | topic | due tasks that Celery 5.5 and later delayed inside the broker |
 *
 * `event_topology.ts` has those of events.
 *
 * No exchange has a name of the form `celeriac.<name>`, because RabbitMQ's permission patterns match queue and exchange names alike.
 * @module
 */
import {
  type Binding,
  type Declaration,
  type Exchange,
  EXCHANGE_TYPES,
  type Policy,
  type Queue,
  type Topology,
} from "./declaration.ts";
import { eventTopology } from "./event_topology.ts";
import type { Message } from "./message.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "../celery/control.ts";
import { EVENT_EXCHANGE } from "../celery/event.ts";
import { InvalidInput } from "../errors.ts";

/** Exchange for tasks. */
export const TASK_EXCHANGE = "celeriac";
/** Exchange for tasks of senders that cannot choose the routing key. */
export const MATCH_EXCHANGE = "match.celeriac";
/** Header with the queue name for {@linkcode MATCH_EXCHANGE}. */
export const MATCH_HEADER = "celeriac-queue";
/** Exchange for dead letters. */
export const DEAD_EXCHANGE = "dlx.celeriac";
/** Exchange that receives messages after Celery's delay inside the broker (kombu/transport/native_delayed_delivery.py). Their routing
 * key is the delay in binary digits, then the queue's routing key. */
export const DELAYED_EXCHANGE = "celery_delayed_delivery";
/** Queue for dead letters. */
export const DEAD_QUEUE = "celeriac.dead";
/** Prefix of Celeriac's queue names. */
export const QUEUE_PREFIX = "celeriac.";

/** The queues' `delivery-limit`: the broker makes one delivery more than this. Before RabbitMQ 4.3 a message that a stopping worker
 * requeues counts as failed. The limit is therefore only a safety net below the workers' crash count. */
export const DELIVERY_LIMIT = 100;

/** RabbitMQ 4.0 and later default to a limit of 20, after which a queue without a dead-letter exchange drops the message: reading
 * dead letters repeatedly would destroy them. RabbitMQ 3.10 rejects -1 ("no limit"). */
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
    // No length limit: a full queue would either drop dead letters or redeliver bad messages in a loop.
    name: "celeriac-dead",
    pattern: `^celeriac\\.dead$`,
    priority: 110,
    definition: { "delivery-limit": DEAD_DELIVERY_LIMIT },
  },
];

/** The whole topology for these queues.
 *
 * @param queues unique names that begin with `celeriac.`
 * @param options.stream whether events are also kept in a stream. Default `false`
 *
 * @example
 * ```ts
 * import { topology } from "./topology.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { queues, exchanges } = topology(["celeriac.images"]);
 * assertEquals(queues.map(({ name }) => name), ["celeriac.images", "celeriac.dead", "inbox.celeriac", "forward.celeriac"]);
 * assertEquals(exchanges[0], { name: "celeriac", type: "direct", durable: true });
 * ```
 */
export function topology(
  queues: readonly string[],
  options: { readonly stream?: boolean } = {},
): Topology {
  const events = eventTopology(options);
  return {
    exchanges: [
      ...[TASKS, MATCHES, DEAD_LETTERS, EVENTS, CONTROL, REPLIES, DELAYED],
      ...events.exchanges,
    ],
    queues: [...[...queues, DEAD_QUEUE].map(quorum), ...events.queues],
    bindings: [
      ...queues.flatMap((
        queue,
      ) => [taskBinding(queue), matchBinding(queue), delayedBinding(queue)]),
      DEAD_BINDING,
      ...events.bindings,
    ],
    policies: [...POLICIES, ...events.policies],
  };
}

/** What a process declares or checks when it connects. The API consumes dead letters and sends none. Only an administrator sets policies.
 *
 * The exchanges of remote control are not durable and disappear when the broker restarts, so every connection declares them.
 *
 * @param queues names of the queues that the process publishes to or consumes. A worker does not declare queues of other systems */
export function declarationFor(
  role: "api" | "worker" | "beat" | "dev" | "inspect",
  queues: readonly string[],
): Declaration {
  const events = eventTopology();
  switch (role) {
    case "api":
      return {
        exchanges: [TASKS, EVENTS, CONTROL, REPLIES, ...events.exchanges],
        queues: [...[...queues, DEAD_QUEUE].map(quorum), ...events.queues],
        bindings: [...queues.map(taskBinding), ...events.bindings],
      };
    case "worker": {
      const own = queues.filter((queue) => queue.startsWith(QUEUE_PREFIX));
      return {
        exchanges: [TASKS, DEAD_LETTERS, EVENTS, CONTROL, REPLIES, DELAYED],
        queues: [...own, DEAD_QUEUE].map(quorum),
        bindings: [
          ...own.flatMap((queue) => [taskBinding(queue), delayedBinding(queue)]),
          DEAD_BINDING,
        ],
      };
    }
    case "beat":
      return {
        exchanges: [TASKS, ...events.exchanges],
        queues: events.queues,
        bindings: events.bindings,
      };
    case "inspect":
      return { exchanges: [CONTROL, REPLIES], queues: [], bindings: [] };
    case "dev": {
      const { exchanges, queues: all, bindings } = topology(queues);
      return { exchanges, queues: all, bindings };
    }
  }
}

/** Binding of a queue that a remote control command adds to a worker. */
export interface ConsumedQueue {
  /** Default: `celeriac` for Celeriac's queues; for others an exchange with the queue's name, as in Celery. */
  readonly exchange?: string | undefined;
  /** Default `direct`. */
  readonly exchangeType?: string | undefined;
  /** Default: the queue's name. */
  readonly routingKey?: string | undefined;
}

/** What a worker declares before it consumes an additional queue (celery/app/amqp.py, `Queues.add_missing`).
 *
 * @throws {InvalidInput} for an unknown exchange type
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
      `Cannot bind queue '${queue}' because '${exchangeType}' is not an exchange type: use ${
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

/** Whether an exchange belongs to Celeriac: the broker's default exchange, or one of {@linkcode topology}. */
export function isOurExchange(name: string): boolean {
  return name === "" || topology([]).exchanges.some((exchange) => exchange.name === name);
}

const DEAD_BINDING: Binding = { exchange: DEAD_EXCHANGE, queue: DEAD_QUEUE, routingKey: "" };

function quorum(name: string): Queue {
  return { name, type: "quorum" };
}

function taskBinding(queue: string): Binding {
  return { exchange: TASK_EXCHANGE, queue, routingKey: queue };
}

/** The binding that a Celery worker makes for its queues. */
function delayedBinding(queue: string): Binding {
  return { exchange: DELAYED_EXCHANGE, queue, routingKey: `#.${queue}` };
}

function matchBinding(queue: string): Binding {
  return {
    exchange: MATCH_EXCHANGE,
    queue,
    routingKey: "",
    arguments: { "x-match": "all", [MATCH_HEADER]: queue },
  };
}
