import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { HeaderValue } from "../../../shared/broker/message.ts";
import {
  encodeTask,
  type IdentifiedSignature,
  retryMessage,
} from "../../../shared/celery/message.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import type { SignatureOptions } from "../../../shared/celery/signature.ts";
import { InvalidInput, Malformed } from "../../../shared/errors.ts";
import { captured, CAPTURED_HEADERS, protocol1 } from "./messages.ts";

const now = new Date("2026-11-23T16:20:27.160Z");
const context = {
  origin: "gen27346@vm",
  destination: { exchange: "", routingKey: "cap" },
  now,
};

function add(options: SignatureOptions = {}): IdentifiedSignature {
  return {
    task: "proj.tasks.add",
    args: [2, 2],
    kwargs: {},
    options: { ...options, taskId: "e6034684" },
  };
}

/** Headers that every message has. The others have the value that Celery assumes when they are absent. */
const ALWAYS = ["lang", "task", "id", "root_id", "argsrepr", "kwargsrepr", "origin"];

const text = (body: Uint8Array) => new TextDecoder().decode(body);

Deno.test("encodeTask() writes what Celery 5.7.0 writes, without Celery's defaults", () => {
  const expires = new Date("2026-11-23T16:22:27.160Z");
  const replyTo = "b7f0fc1f-7769-3eb8-8844-3f2123c84322";
  const message = encodeTask(
    add({ countdown: 10, expires, replyTo, ignoreResult: false }),
    context,
  );
  const expected = captured({
    headers: {
      lang: "js",
      eta: "2026-11-23T16:20:37.160000+00:00",
      expires: "2026-11-23T16:22:27.160000+00:00",
    },
  });
  const written = [...ALWAYS, "eta", "expires", "ignore_result"];
  const kept = Object.entries(expected.headers).filter(([name]) => written.includes(name));
  assertEquals(message, { ...expected, headers: Object.fromEntries(kept) });
  assertEquals(Object.keys(message.headers), kept.map(([name]) => name));
  assertEquals(decodeTask(message), decodeTask(expected));
  assertEquals(
    text(message.body),
    '[[2,2],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]',
  );
});

Deno.test("encodeTask() writes a minimal task without default headers and absent properties", () => {
  const { headers, properties } = encodeTask(add(), context);
  assertEquals(Object.keys(headers), ALWAYS);
  assertEquals(headers["root_id"], "e6034684");
  assertEquals(properties, {
    contentType: "application/json",
    contentEncoding: "utf-8",
    deliveryMode: 2,
    correlationId: "e6034684",
  });
});

Deno.test("encodeTask() writes the hard time limit first", () => {
  const { headers } = encodeTask(add({ timeLimit: 600, softTimeLimit: 540 }), context);
  assertEquals(headers["timelimit"], [600, 540]);
});

Deno.test("encodeTask() sets expires relative to now, with a property in milliseconds", () => {
  const cases: [Date | number, string | undefined][] = [
    [1.5, "1500"],
    [0, "0"],
    [new Date(now.getTime() + 60_000), "60000"],
    [new Date(now.getTime() - 60_000), "0"],
    [100 * 365 * 86400, undefined], // more than RabbitMQ takes
  ];
  for (const [expires, expiration] of cases) {
    assertEquals(encodeTask(add({ expires }), context).properties.expiration, expiration);
  }
});

Deno.test("encodeTask() adds user headers; those of the protocol take precedence", () => {
  const reserved = {
    id: "other",
    task: "other",
    stamps: { a: 1 },
    compression: "application/x-gzip",
    called_directly: true,
    CC: ["elsewhere"],
    bcc: ["elsewhere"],
    "x-death": [],
  };
  const hidden = JSON.parse('{"__proto__":{"task":"other"}}') as Record<string, HeaderValue>;
  const { headers } = encodeTask(
    add({ headers: { ...reserved, tenant: "a", "x-tenant": "b", when: 2 ** 40, ...hidden } }),
    context,
  );
  assertEquals(Object.keys(headers), [
    ...ALWAYS,
    "tenant",
    "x-tenant",
    "when",
  ]);
  assertEquals([headers["id"], headers["stamps"]], ["e6034684", undefined]);
  assertEquals(Object.getPrototypeOf(headers), Object.prototype);
});

Deno.test("encodeTask() refuses values that crash Python workers and names the field", () => {
  const name = "x".repeat(256);
  const wrong: [string, Record<string, unknown>][] = [
    ["task", { task: "" }],
    ["task", { task: name }],
    ["args", { args: "ab" }],
    ["kwargs", { kwargs: [] }],
    ["kwargs", { kwargs: null }],
    ["options.task_id", { options: { taskId: "" } }],
    ["options.task_id", { options: { taskId: name } }],
    ["options.task_id", { options: { taskId: "a\0b" } }],
    ["options.task_id", { options: { taskId: "é".repeat(200) } }],
    ["options.reply_to", { options: { taskId: "1", replyTo: "é".repeat(200) } }],
    ["options.retries", { options: { taskId: "1", retries: -1 } }],
    ["options.retries", { options: { taskId: "1", retries: 0.5 } }],
    ["options.group_index", { options: { taskId: "1", groupIndex: -1 } }],
    ["options.priority", { options: { taskId: "1", priority: 256 } }],
    ["options.time_limit", { options: { taskId: "1", timeLimit: NaN } }],
    ["options.soft_time_limit", { options: { taskId: "1", softTimeLimit: -1 } }],
  ];
  for (const [field, change] of wrong) {
    const signature = { ...add(), ...change } as IdentifiedSignature;
    const error = assertThrows(() => encodeTask(signature, context), InvalidInput);
    assertEquals(error.field, field);
  }
  const typed = { ...add(), kwargs: { x: { __type__: "foo", __value__: 1 } } };
  assertThrows(() => encodeTask(typed, context), InvalidInput);
});

Deno.test("decodeTask() reads back what encodeTask() wrote", () => {
  const label = fc.string({ minLength: 1, maxLength: 255 }).filter((text) => !text.includes("\0"));
  const time = fc.date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true });
  const signatures = fc.array(fc.constant({ task: "next", args: [1] }), { maxLength: 2 });
  const options = fc.record({
    taskId: label,
    priority: fc.nat(255),
    eta: time,
    expires: time,
    retries: fc.nat(),
    timeLimit: fc.integer({ min: 1, max: 1e6 }),
    softTimeLimit: fc.double({ min: 0.5, max: 1e6, noNaN: true }),
    headers: fc.constant({ tenant: "a", when: 2 ** 40 }),
    ignoreResult: fc.option(fc.boolean()),
    rootId: label,
    parentId: label,
    group: label,
    groupIndex: fc.nat(),
    shadow: label,
    replyTo: label,
    chain: signatures,
    chord: fc.constant({ task: "body" }),
    callbacks: signatures,
    errbacks: signatures,
    replacedTaskNesting: fc.nat(),
    stamps: fc.constant({ stamp: "a" }),
  }, { requiredKeys: ["taskId"] });
  const args = fc.array(fc.jsonValue(), { maxLength: 4 })
    .map((args) => JSON.parse(JSON.stringify(args)) as unknown[]); // -0 is 0 in JSON
  fc.assert(fc.property(label, args, options, (task, args, options) => {
    const kwargs = { args };
    const read = decodeTask(encodeTask({ task, args, kwargs, options }, context));
    const { taskId, callbacks, errbacks, chain, chord, stamps, headers, ...rest } = options;
    const embed = { callbacks, errbacks, chain, chord };
    const expected = {
      task,
      id: taskId,
      args,
      kwargs,
      correlationId: taskId,
      origin: context.origin,
      ...rest,
      ...(stamps ? { stamps } : {}),
      ...(headers ? { headers } : {}),
    };
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(read[name as keyof typeof read], value, name);
    }
    for (const [name, value] of Object.entries(embed)) {
      assertEquals(read.embed[name as keyof typeof embed], value ?? null);
    }
  }));
});

Deno.test("retryMessage() returns the same message as the next attempt", () => {
  const message = captured({
    headers: { tenant: "a", retries: 1, timelimit: [600, 540], group: "g", shadow: "s" },
    properties: { priority: 5, messageId: "m" },
  });
  const eta = new Date("2026-11-23T16:21:27Z");
  const again = retryMessage(message, { retries: 2, eta, now });
  const { expiration: _, ...properties } = message.properties;
  assertEquals(again, {
    ...message,
    properties,
    headers: {
      ...message.headers,
      retries: 2,
      parent_id: "e6034684",
      eta: "2026-11-23T16:21:27.000000+00:00",
    },
  });
  assertEquals(Object.keys(again.headers), Object.keys(message.headers));
  assert(again.body === message.body);
});

Deno.test("retryMessage() removes the expiration property and keeps the header expires", () => {
  const v2 = captured();
  const v1 = protocol1({ task: "add", id: "1", args: [1], expires: "2026-11-23T16:22:27+00:00" });
  assert(v2.properties.expiration);
  for (const message of [v2, v1]) {
    const { headers, properties } = retryMessage(message, { retries: 1, now });
    assert(headers["expires"]);
    assertEquals(properties.expiration, undefined);
  }
});

Deno.test("retryMessage() removes the headers of one delivery", () => {
  const message = captured({
    headers: {
      "x-death": [{ queue: "q" }],
      "x-first-death-exchange": "",
      "x-first-death-queue": "q",
      "x-first-death-reason": "rejected",
      "x-last-death-exchange": "",
      "x-last-death-queue": "q",
      "x-last-death-reason": "rejected",
      "x-delivery-count": 3,
      "x-acquired-count": 3,
      CC: ["other"],
      "x-own": 1,
    },
    properties: { userId: "django" },
  });
  const { headers, properties } = retryMessage(message, { retries: 1, now });
  assertEquals(Object.keys(headers), [...Object.keys(CAPTURED_HEADERS), "x-own"]);
  assertEquals(properties.userId, undefined);
});

Deno.test("retryMessage() keeps the destination or uses a queue by its name", () => {
  const message = { ...captured(), exchange: "amq.direct", routingKey: "k" };
  const same = retryMessage(message, { retries: 1, now });
  assertEquals([same.exchange, same.routingKey], ["amq.direct", "k"]);
  const named = retryMessage(message, { retries: 1, now, queue: "celeriac.default" });
  assertEquals([named.exchange, named.routingKey], ["", "celeriac.default"]);
});

Deno.test("retryMessage() keeps the parent of a deferred message", () => {
  const message = captured({ headers: { parent_id: "p" } });
  assertEquals(retryMessage(message, { retries: 0, now }).headers["parent_id"], "p");
});

Deno.test("retryMessage() converts protocol 1 to protocol 2", () => {
  const chord = { task: "body", args: [] };
  const expires = "2026-11-23T16:22:27+00:00";
  const message = protocol1({ task: "add", id: "1", args: [1], group: "g", chord, expires });
  const again = decodeTask(retryMessage(message, { retries: 1, now }));
  assertEquals([again.id, again.task, again.args], ["1", "add", [1]]);
  assertEquals([again.group, again.embed.chord, again.retries], ["g", chord, 1]);
  assertEquals([again.parentId, again.expires], ["1", new Date(expires)]);
  assertEquals(again.replyTo, "b7f0fc1f-7769-3eb8-8844-3f2123c84322");
});

Deno.test("retryMessage() refuses a message without an id", () => {
  const message = captured({ headers: { id: 5 } });
  assertThrows(() => retryMessage(message, { retries: 1, now }), Malformed, "id");
});
