/** Each user against the verbs that its role needs and those that it must not have. */
import { assertEquals } from "@std/assert";
import type { ConfirmChannel } from "amqplib";
import type { UserRole } from "../../../../cli/rabbitmq/users.ts";
import { declarationFor } from "../../../../shared/broker/topology.ts";
import {
  type Attempt,
  bind,
  bindExchange,
  check,
  connected,
  consume,
  declareExchange,
  declareQueue,
  declareWithExchange,
  deleteExchange,
  deleteQueue,
  directReply,
  listen,
  measure,
  outcomes,
  publish,
  purge,
  take,
  unbind,
} from "../../../support/amqp_rights.ts";
import { type Provisioned, provisioned } from "../../../support/provisioned.ts";

const QUEUE = "celeriac.default";
const QUEUES = [QUEUE, "celeriac.images"];

/** What users of other systems do with events. */
const subscribing: readonly Attempt[] = [
  publish("event.celeriac", "orders.paid"),
  declareQueue("sub.shop"),
  listen("type.event.celeriac", "#", "sub.once"),
];

interface Rights {
  readonly role: UserRole | "project";
  readonly allowed: readonly Attempt[];
  readonly refused: readonly Attempt[];
}

/** Nobody but an administrator changes what the definitions made. */
const provisioning: readonly Attempt[] = [
  declareQueue("celeriac.new"),
  declareQueue(QUEUE),
  deleteQueue(QUEUE),
  deleteQueue("celeriac.dead"),
  declareExchange("celeriac", "direct", true),
  declareExchange("dlx.celeriac", "fanout", true),
  bind("celeriac.dead", "celeriac"),
  declareExchange("event.celeriac", "topic", true),
  deleteExchange("event.celeriac"),
  bindExchange("celeriac", "event.celeriac"),
  declareQueue("inbox.celeriac"),
  deleteQueue("inbox.celeriac"),
  deleteQueue("forward.celeriac"),
  unbind("inbox.celeriac", "event.celeriac"),
  unbind("forward.celeriac", "event.celeriac"),
];

/** What only beat does with events, and what only exchanges do. */
const dispatching: readonly Attempt[] = [
  take("inbox.celeriac"),
  consume("inbox.celeriac"),
  purge("inbox.celeriac"),
  consume("forward.celeriac"),
  publish("type.event.celeriac"),
  publish("every.event.celeriac"),
  publish("match.event.celeriac"),
];

const table: readonly Rights[] = [
  {
    role: "api",
    allowed: [
      // It declares the path of events if it may. Otherwise beat checks that: with the rights to check it, the API could unbind the inbox.
      ...check(declarationFor("api", QUEUES)).filter(({ name }) =>
        !/(inbox|forward|(type|every|match)\.event)\.celeriac$/.test(name)
      ),
      publish("celeriac", QUEUE),
      publish("", "celery"),
      publish("", "emails"),
      directReply("celeriac", QUEUE),
      directReply("", "celery"),
      declareExchange("celery.pidbox", "fanout", false),
      declareExchange("reply.celery.pidbox", "direct", false),
      publish("celery.pidbox"),
      listen("celeryev", "#"),
      listen("celeryev", "task.#"),
      listen("reply.celery.pidbox", "2f9c"),
      measure(QUEUE),
      measure("celeriac.dead"),
      measure("celery"),
      take("celeriac.dead"),
      consume("celeriac.dead"),
      publish("event.celeriac", "orders.paid"),
    ],
    refused: [
      ...provisioning,
      ...dispatching,
      listen("event.celeriac", "#"),
      declareQueue("sub.api"),
      take(QUEUE),
      consume(QUEUE),
      purge(QUEUE),
      take("celery"),
      publish("dlx.celeriac"),
      publish("match.celeriac"),
      publish("celeryev", "task.multi"),
      declareQueue("emails"),
    ],
  },
  {
    role: "worker",
    allowed: [
      ...check(declarationFor("worker", QUEUES)),
      take(QUEUE),
      consume(QUEUE),
      consume("celeriac.images"),
      consume("celery"),
      publish("celeriac", QUEUE),
      publish("", "celery"),
      publish("dlx.celeriac"),
      publish("celeryev", "task.multi"),
      publish("celeryev", "worker.heartbeat"),
      declareExchange("celery.pidbox", "fanout", false),
      declareExchange("reply.celery.pidbox", "direct", false),
      listen("celery.pidbox", "", "celeriac@pod-1.celery.pidbox"),
      publish("reply.celery.pidbox", "2f9c"),
      publish("celery.pidbox"),
      listen("type.event.celeriac", "prices.#", "sub.celeriac.pod-1"),
    ],
    refused: [
      ...provisioning,
      ...dispatching,
      publish("event.celeriac", "orders.paid"),
      declareQueue("sub.worker"),
      declareQueue("sub.celeriac"),
      listen("event.celeriac", "#"),
      take("celeriac.dead"),
      consume("celeriac.dead"),
      purge("celeriac.dead"),
      publish("celeryev", "gossip.hello"),
      publish("match.celeriac"),
      listen("celeryev", "#"),
      declareQueue("celery"),
    ],
  },
  {
    role: "beat",
    allowed: [
      ...check(declarationFor("beat", QUEUES)),
      publish("celeriac", QUEUE),
      publish("", "celery"),
      publish("event.celeriac", "orders.paid"),
      consume("inbox.celeriac"),
      consume("forward.celeriac"),
      publish("type.event.celeriac", "orders.paid"),
    ],
    refused: [
      ...provisioning,
      publish("every.event.celeriac"),
      publish("match.event.celeriac"),
      listen("event.celeriac", "#"),
      declareQueue("sub.beat"),
      take(QUEUE),
      take("celeriac.dead"),
      publish("dlx.celeriac"),
      publish("celeryev", "task.multi"),
      publish("celery.pidbox"),
      listen("celeryev", "#"),
    ],
  },
  {
    role: "dead",
    allowed: [
      take("celeriac.dead"),
      consume("celeriac.dead"),
      purge("celeriac.dead"),
      publish("celeriac", QUEUE),
    ],
    refused: [
      ...provisioning,
      ...dispatching,
      ...subscribing,
      take(QUEUE),
      publish("", QUEUE),
      publish("dlx.celeriac"),
      publish("celery.pidbox"),
    ],
  },
  {
    role: "python",
    allowed: [
      declareWithExchange("celery"),
      consume("celery"),
      publish("", "celery"),
      publish("", QUEUE),
      declareExchange("celeryev", "topic", true),
      listen("celeryev", "worker.#", "celeryev.5c0e"),
      publish("celeryev", "task.multi"),
      declareExchange("celery.pidbox", "fanout", false),
      listen("celery.pidbox", "", "celery@shop.celery.pidbox"),
      publish("celery.pidbox"),
      publish("reply.celery.pidbox", "2f9c"),
    ],
    refused: [
      ...provisioning,
      ...dispatching,
      ...subscribing,
      take(QUEUE),
      take("celeriac.dead"),
      publish("celeriac", QUEUE),
      publish("dlx.celeriac"),
    ],
  },
  {
    role: "django",
    allowed: [declareWithExchange("celery"), publish("", "celery"), publish("", QUEUE)],
    refused: [
      ...provisioning,
      ...dispatching,
      ...subscribing,
      take(QUEUE),
      publish("celeriac", QUEUE),
      publish("dlx.celeriac"),
      publish("celery.pidbox"),
      publish("celeryev", "task.sent"),
    ],
  },
  {
    role: "flower",
    allowed: [
      declareExchange("celeryev", "topic", true),
      listen("celeryev", "#", "celeryev.77aa"),
      publish("celery.pidbox"),
      listen("reply.celery.pidbox", "2f9c", "2f9c.reply.celery.pidbox"),
    ],
    refused: [
      declareQueue("celeriac@pod-1.celery.pidbox"),
      ...provisioning,
      ...dispatching,
      ...subscribing,
      take(QUEUE),
      take("celery"),
      publish("", QUEUE),
      publish("celeriac", QUEUE),
      publish("celeryev", "task.multi"),
    ],
  },
  {
    role: "events",
    allowed: [
      declareQueue("sub.shop"),
      ...["type.event.celeriac", "every.event.celeriac", "match.event.celeriac"].flatMap((
        exchange,
      ) => [
        {
          name: `check ${exchange}`,
          run: (channel: ConfirmChannel) => channel.checkExchange(exchange),
        },
        bind("sub.shop", exchange),
      ]),
      publish("event.celeriac", "orders.paid"),
      take("sub.shop"),
      consume("sub.shop"),
      measure("sub.shop"),
      purge("sub.shop"),
      unbind("sub.shop", "every.event.celeriac"),
      listen("type.event.celeriac", "orders.#", "sub.once"),
      declareExchange("sub.orders", "fanout", true),
      bindExchange("sub.orders", "type.event.celeriac"),
      bind("sub.shop", "sub.orders"),
      deleteExchange("sub.orders"),
      deleteQueue("sub.shop"),
    ],
    refused: [
      ...provisioning,
      ...dispatching,
      deleteExchange("every.event.celeriac"),
      // A queue at the entry could hold up all publishers.
      listen("event.celeriac", "#", "sub.once"),
      bindExchange("sub.orders", "event.celeriac"),
      declareQueue("mine"),
      declareQueue("sub."),
      take(QUEUE),
      take("celeriac.dead"),
      publish("", QUEUE),
      publish("celeriac", QUEUE),
      publish("match.celeriac"),
      publish("dlx.celeriac"),
      publish("celeryev", "task.multi"),
      publish("celery.pidbox"),
      listen("celeryev", "#", "sub.celery"),
      listen("celery.pidbox", "", "sub.pidbox"),
    ],
  },
  {
    role: "project",
    allowed: [
      declareWithExchange("emails"),
      consume("emails"),
      publish("", "emails"),
      publish("", QUEUE),
      publish("celeriac", QUEUE),
      publish("match.celeriac"),
      listen("celeryev", "#", "celeryev.99bb"),
      listen("celery.pidbox", "", "celery@web.celery.pidbox"),
      publish("celery.pidbox"),
      publish("event.celeriac", "orders.paid"),
      deleteQueue("emails"),
    ],
    refused: [
      ...provisioning,
      ...dispatching,
      bind("emails", "event.celeriac"),
      declareWithExchange(QUEUE),
      take(QUEUE),
      take("celeriac.dead"),
      publish("dlx.celeriac"),
      bind(QUEUE, "celeryev"),
    ],
  },
  {
    role: "monitor",
    allowed: [],
    refused: [...provisioning, ...dispatching, ...subscribing, take(QUEUE), publish("", QUEUE)],
  },
  {
    role: "keda",
    allowed: [],
    refused: [...provisioning, ...dispatching, ...subscribing, take(QUEUE), publish("", QUEUE)],
  },
  {
    role: "admin",
    allowed: [...provisioning.toReversed(), purge("celeriac.images")],
    refused: [],
  },
];

async function makeForeignQueue(fixture: Provisioned): Promise<void> {
  await using broker = await connected(fixture.url("admin"));
  const channel = await broker.connection.createChannel();
  await channel.assertExchange("celery", "direct", { durable: true });
  await channel.assertQueue("celery", { durable: true });
}

for (const { role, allowed, refused } of table) {
  Deno.test(`brokerUsers() grants ${role} only the required permissions`, async () => {
    await using fixture = await provisioned(QUEUES);
    await makeForeignQueue(fixture);

    const found = await outcomes(fixture.url(role), [...allowed, ...refused]);

    assertEquals(
      found,
      Object.fromEntries([
        ...allowed.map(({ name }) => [name, "allowed"]),
        ...refused.map(({ name }) => [name, "refused"]),
      ]),
    );
  });
}

Deno.test("brokerUsers() grants access to the management API only to roles that use it", async () => {
  await using fixture = await provisioned([QUEUE]);
  const paths = {
    queue: `/api/queues/${fixture.vhost}/${QUEUE}`,
    nodes: "/api/nodes",
    users: "/api/users",
  };
  const seen: Record<string, string[]> = {};
  for (const { role } of fixture.users) {
    const url = new URL(fixture.managementUrlOf(role));
    const authorization = `Basic ${btoa(`${url.username}:${url.password}`)}`;
    seen[role] = [];
    for (const [name, path] of Object.entries(paths)) {
      const answer = await fetch(new URL(path, url.origin), { headers: { authorization } });
      await answer.body?.cancel();
      if (answer.ok) seen[role].push(name);
    }
  }

  assertEquals(seen, {
    admin: ["queue", "nodes", "users"],
    api: [],
    worker: [],
    beat: [],
    dead: [],
    monitor: ["queue", "nodes"],
    keda: ["queue"],
    python: [],
    django: [],
    flower: ["queue", "nodes"],
    events: [],
    project: [],
  });
});
