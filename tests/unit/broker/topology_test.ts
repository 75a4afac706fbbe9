import { assert, assertEquals } from "@std/assert";
import type { Declaration } from "../../../shared/broker/declaration.ts";
import { declarationFor, destinationOf, topology } from "../../../shared/broker/topology.ts";

const QUEUES = ["celeriac.default", "celeriac.images"];

function names(declaration: Declaration) {
  return {
    exchanges: declaration.exchanges.map(({ name }) => name),
    queues: declaration.queues.map(({ name }) => name),
    bindings: declaration.bindings.map(({ exchange, queue }) => `${exchange} -> ${queue}`),
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
    ],
  );
});

Deno.test("topology() binds each queue by name and by header, except the dead-letter queue", () => {
  assertEquals(topology(["celeriac.images"]).bindings, [
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

Deno.test("topology() has exactly one policy for each queue, with unique priorities", () => {
  const { policies, queues } = topology(QUEUES);
  for (const { name } of queues) {
    const applying = policies.filter(({ pattern }) => new RegExp(pattern).test(name));
    assertEquals(applying.length, 1, name);
  }
  assertEquals(new Set(policies.map(({ priority }) => priority)).size, policies.length);
});

Deno.test("topology() applies no policy to other queues", () => {
  for (const { pattern } of topology(QUEUES).policies) {
    for (const name of ["celery", "celeriac", "xceleriac.default", "my.celeriac.dead"]) {
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
    exchanges: ["celeriac", "celeryev", "celery.pidbox", "reply.celery.pidbox"],
    queues: ["celeriac.default", "celeriac.dead"],
    bindings: ["celeriac -> celeriac.default"],
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

Deno.test("declarationFor() gives beat only the task exchange", () => {
  assertEquals(names(declarationFor("beat", QUEUES)), {
    exchanges: ["celeriac"],
    queues: [],
    bindings: [],
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
