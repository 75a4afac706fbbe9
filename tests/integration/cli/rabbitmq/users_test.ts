/** Each user against the verbs that its role needs and those that it must not have. */
import { assertEquals } from "@std/assert";
import type { UserRole } from "../../../../cli/rabbitmq/users.ts";
import { declarationFor } from "../../../../shared/broker/topology.ts";
import {
  type Attempt,
  bind,
  check,
  connected,
  consume,
  declareExchange,
  declareQueue,
  declareWithExchange,
  deleteQueue,
  directReply,
  listen,
  measure,
  outcomes,
  publish,
  purge,
  take,
} from "../../../support/amqp_rights.ts";
import { type Provisioned, provisioned } from "../../../support/provisioned.ts";

const QUEUE = "celeriac.default";
const QUEUES = [QUEUE, "celeriac.images"];

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
];

const table: readonly Rights[] = [
  {
    role: "api",
    allowed: [
      ...check(declarationFor("api", QUEUES)),
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
    ],
    refused: [
      ...provisioning,
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
    ],
    refused: [
      ...provisioning,
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
    ],
    refused: [
      ...provisioning,
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
      take(QUEUE),
      take("celery"),
      publish("", QUEUE),
      publish("celeriac", QUEUE),
      publish("celeryev", "task.multi"),
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
      deleteQueue("emails"),
    ],
    refused: [
      ...provisioning,
      declareWithExchange(QUEUE),
      take(QUEUE),
      take("celeriac.dead"),
      publish("dlx.celeriac"),
      bind(QUEUE, "celeryev"),
    ],
  },
  { role: "monitor", allowed: [], refused: [...provisioning, take(QUEUE), publish("", QUEUE)] },
  { role: "keda", allowed: [], refused: [...provisioning, take(QUEUE), publish("", QUEUE)] },
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
    project: [],
    events: [],
  });
});
