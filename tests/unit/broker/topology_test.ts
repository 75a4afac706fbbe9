import { assert, assertEquals } from "@std/assert";
import { eventTopology } from "../../../shared/broker/event_topology.ts";
import type { Declaration } from "../../../shared/broker/declaration.ts";
import { declarationFor, destinationOf, topology } from "../../../shared/broker/topology.ts";

const QUEUES = ["celeriac.default", "celeriac.images"];

const EVENTS = {
  exchanges: [
    "event.celeriac",
    "type.event.celeriac",
    "every.event.celeriac",
    "match.event.celeriac",
  ],
  bindings: [
    "event.celeriac -> inbox.celeriac",
    "event.celeriac -> forward.celeriac",
    "type.event.celeriac -> every.event.celeriac",
    "type.event.celeriac -> match.event.celeriac",
  ],
};

function names(declaration: Declaration) {
  return {
    exchanges: declaration.exchanges.map(({ name }) => name),
    queues: declaration.queues.map(({ name }) => name),
    bindings: declaration.bindings.map(({ exchange, queue, toExchange }) =>
      `${exchange} -> ${queue ?? toExchange}`
    ),
  };
}

Deno.test("topology() has durable exchanges except those of remote control", () => {
  const { exchanges } = topology(QUEUES);
  assertEquals(
    exchanges.map(({ name, type, durable }) => `${name} ${type} ${durable}`),
    [
      "celeriac direct true",
      "match.celeriac headers true",
      "dlx.celeriac fanout true",
      "celeryev topic true",
      "celery.pidbox fanout false",
      "reply.celery.pidbox direct false",
      "celery_delayed_delivery topic true",
      "event.celeriac topic true",
      "type.event.celeriac topic true",
      "every.event.celeriac fanout true",
      "match.event.celeriac headers true",
    ],
  );
});

Deno.test("topology() binds each task queue by name and by header, except the dead-letter queue", () => {
  const bindings = topology(["celeriac.images"]).bindings.filter(({ exchange }) =>
    !exchange.includes("event")
  );
  assertEquals(bindings, [
    { exchange: "celeriac", queue: "celeriac.images", routingKey: "celeriac.images" },
    {
      exchange: "match.celeriac",
      queue: "celeriac.images",
      routingKey: "",
      arguments: { "x-match": "all", "celeriac-queue": "celeriac.images" },
    },
    {
      exchange: "celery_delayed_delivery",
      queue: "celeriac.images",
      routingKey: "#.celeriac.images",
    },
    { exchange: "dlx.celeriac", queue: "celeriac.dead", routingKey: "" },
  ]);
});

Deno.test("topology() names no exchange like a queue", () => {
  for (const { name } of topology(QUEUES).exchanges) assert(!name.startsWith("celeriac."), name);
});

Deno.test("eventTopology() routes events by exchanges alone, each queue under a policy", () => {
  const { queues, bindings, policies } = eventTopology({ stream: true });
  assertEquals(bindings, [
    { exchange: "event.celeriac", queue: "inbox.celeriac", routingKey: "#" },
    { exchange: "event.celeriac", queue: "forward.celeriac", routingKey: "#" },
    { exchange: "type.event.celeriac", toExchange: "every.event.celeriac", routingKey: "#" },
    { exchange: "type.event.celeriac", toExchange: "match.event.celeriac", routingKey: "#" },
    { exchange: "every.event.celeriac", queue: "log.celeriac", routingKey: "" },
  ]);
  assertEquals(queues, [
    { name: "inbox.celeriac", type: "quorum", singleActiveConsumer: true },
    { name: "forward.celeriac", type: "quorum", singleActiveConsumer: true },
    { name: "log.celeriac", type: "stream" },
  ]);
  const limits = policies.map(({ name, definition }) => [name, definition["delivery-limit"]]);
  assertEquals(limits, [
    ["celeriac-inbox", 1_000_000],
    ["celeriac-forward", 1_000_000],
    ["celeriac-log", undefined],
    ["celeriac-subscribers", undefined],
  ]);
  const overflows = policies.map(({ definition }) => definition["overflow"]);
  assertEquals(overflows, ["reject-publish", "drop-head", undefined, "drop-head"]);
  assertEquals(policies[2]?.definition["max-age"], "7D");
});

Deno.test("topology() has the stream only on request", () => {
  const names = (options?: { stream: boolean }) =>
    topology(QUEUES, options).queues.map(({ name }) => name);
  assertEquals(names().includes("log.celeriac"), false);
  assertEquals(names({ stream: true }).includes("log.celeriac"), true);
});

Deno.test("topology() has exactly one policy for each queue, with unique priorities", () => {
  const { policies, queues } = topology(QUEUES, { stream: true });
  for (const { name } of queues) {
    const applying = policies.filter(({ pattern }) => new RegExp(pattern).test(name));
    assertEquals(applying.length, 1, name);
  }
  assertEquals(new Set(policies.map(({ priority }) => priority)).size, policies.length);
});

Deno.test("topology() applies no policy to other queues", () => {
  for (const { pattern } of topology(QUEUES, { stream: true }).policies) {
    for (
      const name of ["celery", "celeriac", "xceleriac.default", "my.celeriac.dead", "subs", "inbox"]
    ) {
      assert(!new RegExp(pattern).test(name), name);
    }
  }
});

Deno.test("topology() dead-letters at least once", () => {
  assertEquals(topology(QUEUES).policies[0]?.definition, {
    "dead-letter-exchange": "dlx.celeriac",
    "dead-letter-strategy": "at-least-once",
    "overflow": "reject-publish",
    "delivery-limit": 100,
  });
});

Deno.test("declarationFor() gives the API the dead-letter queue without its exchange", () => {
  assertEquals(names(declarationFor("api", ["celeriac.default"])), {
    exchanges: [
      "celeriac",
      "celeryev",
      "celery.pidbox",
      "reply.celery.pidbox",
      ...EVENTS.exchanges,
    ],
    queues: ["celeriac.default", "celeriac.dead", "inbox.celeriac", "forward.celeriac"],
    bindings: ["celeriac -> celeriac.default", ...EVENTS.bindings],
  });
});

Deno.test("declarationFor() gives a worker the dead-letter exchange and queue, and no foreign queues", () => {
  assertEquals(names(declarationFor("worker", ["celeriac.default", "celery"])), {
    exchanges: [
      "celeriac",
      "dlx.celeriac",
      "celeryev",
      "celery.pidbox",
      "reply.celery.pidbox",
      "celery_delayed_delivery",
    ],
    queues: ["celeriac.default", "celeriac.dead"],
    bindings: [
      "celeriac -> celeriac.default",
      "celery_delayed_delivery -> celeriac.default",
      "dlx.celeriac -> celeriac.dead",
    ],
  });
});

Deno.test("declarationFor() gives beat the task exchange and the path of events to its inbox", () => {
  assertEquals(names(declarationFor("beat", QUEUES)), {
    exchanges: ["celeriac", ...EVENTS.exchanges],
    queues: ["inbox.celeriac", "forward.celeriac"],
    bindings: EVENTS.bindings,
  });
});

Deno.test("declarationFor() gives embedded mode everything except policies", () => {
  const { policies: _, ...everything } = topology(QUEUES);
  assertEquals(declarationFor("dev", QUEUES), everything);
});

Deno.test("destinationOf() uses the default exchange for foreign queues", () => {
  for (const queue of ["celery", "celeriac", "emails"]) {
    assertEquals(destinationOf(queue), { exchange: "", routingKey: queue });
  }
});
