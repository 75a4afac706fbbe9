import { assertEquals, assertNotEquals } from "@std/assert";
import type { Message } from "../../../shared/broker/message.ts";
import { deadLetterHeaders, readLetter, resent } from "../../../shared/dead_letters/letter.ts";
import { message } from "../../support/settlements.ts";

const GROUNDS = {
  reason: "poison",
  detail: "killed 4 workers",
  queue: "celeriac.images",
  worker: "celeriac@pod-1",
  diedAt: new Date("2026-01-02T03:04:05.678Z"),
};

function letter(given: Partial<Message> = {}): Message {
  return message({
    exchange: "dlx.celeriac",
    headers: { id: "a", task: "add", retries: 2, ...deadLetterHeaders(GROUNDS) },
    ...given,
  });
}

/** A message that exceeded the delivery limit, as delivered by RabbitMQ 3.10. */
const BY_POLICY = letter({
  headers: {
    id: "a",
    task: "add",
    tenant: "t",
    "x-delivery-count": 101,
    "x-first-death-exchange": "celeriac",
    "x-first-death-queue": "celeriac.images",
    "x-first-death-reason": "delivery_limit",
    "x-death": [{
      count: 1,
      exchange: "celeriac",
      queue: "celeriac.images",
      reason: "delivery_limit",
      "routing-keys": ["celeriac.images"],
      time: new Date(1_700_000_000_000),
    }],
  },
});

Deno.test("readLetter() reads the headers of a worker", () => {
  const { message: _message, id, ...rest } = readLetter(letter());
  assertEquals(rest, { ...GROUNDS, taskId: "a", task: "add", retries: 2 });
  assertNotEquals(id, readLetter(letter()).id, "each copy is a letter of its own");
});

Deno.test("readLetter() does not trust a message published directly to the dead-letter queue", () => {
  for (const headers of [letter().headers, BY_POLICY.headers]) {
    for (const exchange of ["", "celeriac", "match.celeriac", "amq.topic"]) {
      const forged = readLetter(letter({ exchange, headers }));
      assertEquals([forged.reason, forged.worker, forged.diedAt], ["unverified", null, null]);
      assertEquals([forged.taskId, forged.queue], ["a", "celeriac.images"]);
      assertNotEquals(forged.id, headers["celeriac-letter"]);
    }
  }
});

Deno.test("readLetter() returns the same id for a redelivered letter", () => {
  for (const given of [letter(), BY_POLICY, letter({ headers: {} })]) {
    assertEquals(readLetter(given).id, readLetter(structuredClone(given)).id);
  }
  const later = structuredClone(BY_POLICY);
  (later.headers["x-death"] as { time: Date }[])[0]!.time = new Date(1_700_000_001_000);
  assertNotEquals(readLetter(BY_POLICY).id, readLetter(later).id);
});

Deno.test("readLetter() reads the broker's headers if no worker added any", () => {
  const { reason, detail, queue, worker, diedAt } = readLetter(BY_POLICY);
  assertEquals({ reason, detail, queue, worker, diedAt }, {
    reason: "delivery_limit",
    detail: null,
    queue: "celeriac.images",
    worker: null,
    diedAt: new Date(1_700_000_000_000),
  });
});

Deno.test("readLetter() reads ids of protocol 1 in the body", () => {
  const body = new TextEncoder().encode(
    JSON.stringify({ id: "old", task: "add", args: [1], kwargs: {}, retries: 1 }),
  );
  const { taskId, task, retries } = readLetter(letter({ headers: {}, body }));
  assertEquals([taskId, task, retries], ["old", "add", 1]);
});

Deno.test("readLetter() accepts any message", () => {
  const odd: Record<string, Message["headers"]> = {
    "nothing": {},
    "other types": {
      id: 7,
      task: ["x"],
      retries: "many",
      "celeriac-reason": 1,
      "celeriac-rejected-at": "soon",
      "celeriac-letter": "me",
      "x-death": "yes",
    },
    "what cannot be stored": { id: "a\0b", "celeriac-reason": "r\0", task: "x".repeat(300) },
    "huge counts": { id: "a", retries: 2 ** 52 },
  };
  for (const [name, headers] of Object.entries(odd)) {
    const { taskId, task, reason, queue, retries } = readLetter(letter({ headers }));
    assertEquals([task, queue], [null, "celeriac.default"], name);
    assertEquals(taskId, name === "huge counts" ? "a" : null, name);
    assertEquals(retries, name === "huge counts" ? 2 ** 31 - 1 : 0, name);
    assertEquals(reason, name === "what cannot be stored" ? "r\u{fffd}" : "unknown", name);
  }
});

Deno.test("readLetter() accepts only dates of the years 1 to 9999", () => {
  const diedAt = (date: string | Date) =>
    readLetter(letter({ headers: { "celeriac-rejected-at": date } })).diedAt?.toISOString();
  const first = "0001-01-01T00:00:00.000Z";
  const last = "9999-12-31T23:59:59.999Z";
  assertEquals([first, last, new Date(last)].map(diedAt), [first, last, last]);
  const odd = ["0000-12-31T23:59:59Z", "+010000-01-01T00:00:00Z", new Date(1.7e15), "soon"];
  assertEquals(odd.map(diedAt), odd.map(() => undefined));
});

Deno.test("resent() restores the original message for its queue", () => {
  const original = message({
    properties: { contentType: "application/json", priority: 5, replyTo: "q", correlationId: "a" },
    headers: { id: "a", task: "add", tenant: "t", retries: 1 },
  });
  const dead = {
    ...original,
    exchange: "dlx.celeriac",
    properties: { ...original.properties, expiration: "5", userId: "celeriac-worker" },
    headers: { ...BY_POLICY.headers, ...original.headers, ...deadLetterHeaders(GROUNDS) },
  };
  assertEquals(resent(readLetter(dead)), {
    ...original,
    routingKey: "celeriac.images",
    properties: { ...original.properties, deliveryMode: 2 },
  });
  const foreign = { ...GROUNDS, queue: "celery" };
  const { exchange, routingKey } = resent(
    readLetter(letter({ headers: deadLetterHeaders(foreign) })),
  );
  assertEquals([exchange, routingKey], ["", "celery"]);
});
