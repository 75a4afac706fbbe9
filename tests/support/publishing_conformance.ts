/** What every broker must do when it publishes. */
import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import type { Broker } from "../../shared/broker/broker.ts";
import type { Message, Properties } from "../../shared/broker/message.ts";
import { InvalidInput, TopologyMissing, Unroutable } from "../../shared/errors.ts";
import { consumed, message, queued, queues, started, text, texts } from "./broker_helpers.ts";
import { Inbox } from "./inbox.ts";

/** Cases by title. */
export const PUBLISHING: Record<string, (broker: Broker) => Promise<void>> = {
  async "publish() routes by queue name through the default exchange"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = await consumed(broker, "celeriac.q");
    await broker.publish(message("", "celeriac.q", "hello"));
    const { message: arrived, redelivered, open } = await inbox.next();
    assertEquals([text(arrived), arrived.exchange, arrived.routingKey], [
      "hello",
      "",
      "celeriac.q",
    ]);
    assertEquals([redelivered, open], [false, true]);
  },

  async "publish() routes through a direct exchange by equal keys"(broker) {
    await started(broker, {
      ...queues("celeriac.a", "celeriac.b"),
      exchanges: [{ name: "x", type: "direct", durable: true }],
      bindings: [
        { exchange: "x", queue: "celeriac.a", routingKey: "a" },
        { exchange: "x", queue: "celeriac.b", routingKey: "b" },
        { exchange: "x", queue: "celeriac.b", routingKey: "both" },
        { exchange: "x", queue: "celeriac.a", routingKey: "both" },
      ],
    });
    for (const key of ["a", "b", "both"]) await broker.publish(message("x", key, key));
    await assertRejects(() => broker.publish(message("x", "A")), Unroutable);
    assertEquals(await texts(await consumed(broker, "celeriac.a"), 2), ["a", "both"]);
    assertEquals(await texts(await consumed(broker, "celeriac.b"), 2), ["b", "both"]);
  },

  async "publish() routes through a topic exchange by words, * and #"(broker) {
    const patterns = {
      one: "task.*",
      many: "task.#",
      inner: "#.failed.*",
      all: "#",
      exact: "task.sent",
    };
    const names = Object.keys(patterns).map((name) => `celeriac.${name}`);
    await started(broker, {
      ...queues(...names),
      exchanges: [{ name: "events", type: "topic", durable: true }],
      bindings: Object.entries(patterns).map(([name, routingKey]) => ({
        exchange: "events",
        queue: `celeriac.${name}`,
        routingKey,
      })),
    });
    const keys = [
      "task",
      "task.sent",
      "task.failed.late",
      "worker.failed.x",
      "",
      "failed.x",
      "task..x",
    ];
    for (const key of keys) await broker.publish(message("events", key, key));
    const expected = {
      one: ["task.sent"],
      many: ["task", "task.sent", "task.failed.late", "task..x"],
      inner: ["task.failed.late", "worker.failed.x", "failed.x"],
      all: keys,
      exact: ["task.sent"],
    };
    for (const [name, wanted] of Object.entries(expected)) {
      assertEquals(await queued(broker, `celeriac.${name}`), wanted, name);
    }
  },

  async "publish() routes through a fanout exchange to every queue, once to each"(broker) {
    await started(broker, {
      ...queues("celeriac.a", "celeriac.b"),
      exchanges: [{ name: "news", type: "fanout", durable: true }],
      bindings: [
        { exchange: "news", queue: "celeriac.a", routingKey: "" },
        { exchange: "news", queue: "celeriac.a", routingKey: "again" },
        { exchange: "news", queue: "celeriac.b", routingKey: "whatever" },
      ],
    });
    await broker.publish(message("news", "some.key", "n"));
    assertEquals(await queued(broker, "celeriac.a"), ["n"]);
    assertEquals(await queued(broker, "celeriac.b"), ["n"]);
  },

  async "publish() routes through a headers exchange by all or any of its arguments"(broker) {
    const bound = (queue: string, given: Record<string, string | number | boolean>) => ({
      exchange: "match",
      queue: `celeriac.${queue}`,
      routingKey: "",
      arguments: given,
    });
    await started(broker, {
      ...queues("celeriac.all", "celeriac.any", "celeriac.implied"),
      exchanges: [{ name: "match", type: "headers", durable: true }],
      bindings: [
        bound("all", { "x-match": "all", format: "pdf", pages: 2 }),
        bound("any", { "x-match": "any", format: "pdf", urgent: true }),
        bound("implied", { format: "csv" }),
      ],
    });
    const send = (headers: Message["headers"], body: string) =>
      broker.publish({ ...message("match", "", body), headers });
    await send({ format: "pdf", pages: 2, more: "x" }, "both");
    await send({ format: "pdf", pages: 3 }, "pdf");
    await send({ urgent: true }, "urgent");
    await send({ format: "csv" }, "csv");
    await assertRejects(() => send({ format: "png" }, "none"), Unroutable);
    await assertRejects(() => send({}, "nothing"), Unroutable);
    assertEquals(await queued(broker, "celeriac.all"), ["both"]);
    assertEquals(await queued(broker, "celeriac.any"), ["both", "pdf", "urgent"]);
    assertEquals(await queued(broker, "celeriac.implied"), ["csv"]);
  },

  async "publish() rejects an unroutable message only if it is mandatory"(broker) {
    await started(broker, {
      ...queues("celeriac.q"),
      exchanges: [{ name: "x", type: "direct", durable: true }],
      bindings: [],
    });
    const error = await assertRejects(() => broker.publish(message("x", "images")), Unroutable);
    assertStringIncludes(error.message, "'images'");
    assertStringIncludes(error.message, "deno task definitions apply");
    await assertRejects(
      () => broker.publish(message("", "celeriac.none")),
      Unroutable,
      "celeriac.none",
    );
    await broker.publish(message("x", "images"), { mandatory: false });
    const results = await Promise.allSettled([
      broker.publish(message("", "celeriac.q", "1")),
      broker.publish(message("x", "none")),
      broker.publish(message("", "celeriac.q", "2")),
    ]);
    assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assertEquals(await queued(broker, "celeriac.q"), ["1", "2"]);
  },

  async "publish() reports a missing exchange, and the next message succeeds"(broker) {
    await started(broker, queues("celeriac.q"));
    const error = await assertRejects(() => broker.publish(message("gone", "k")), TopologyMissing);
    assertStringIncludes(error.message, "'gone'");
    await assertRejects(
      () => broker.publish(message("gone", "k"), { mandatory: false }),
      TopologyMissing,
    );
    await broker.publish(message("", "celeriac.q", "after"));
    assertEquals(await queued(broker, "celeriac.q"), ["after"]);
  },

  async "publish() keeps the order of 1,000 messages"(broker) {
    await started(broker, queues("celeriac.q"));
    const numbers = Array.from({ length: 1000 }, (_, index) => String(index));
    await Promise.all(numbers.map((number) => broker.publish(message("", "celeriac.q", number))));
    assertEquals(await texts(await consumed(broker, "celeriac.q"), 1000), numbers);
  },

  async "publish() carries a body of 2 MiB and an empty one"(broker) {
    await started(broker, queues("celeriac.q"));
    const body = new Uint8Array(2 * 1024 * 1024).map((_, index) => (index * 31) % 251);
    await broker.publish({ ...message("", "celeriac.q"), body });
    await broker.publish(message("", "celeriac.q", ""));
    const inbox = await consumed(broker, "celeriac.q");
    assertEquals((await inbox.next()).message.body, body);
    assertEquals((await inbox.next()).message.body, new Uint8Array());
  },

  async "publish() carries every property"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = await consumed(broker, "celeriac.q");
    const properties: Properties = {
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode: 1,
      priority: 4,
      correlationId: "c-1",
      replyTo: "celeriac.answers",
      expiration: "600000",
      messageId: "m-1",
      timestamp: 1_700_000_000,
      type: "kind",
      appId: "app",
    };
    await broker.publish({ ...message("", "celeriac.q"), properties });
    assertEquals((await inbox.next()).message.properties, properties);
    await broker.publish(message("", "celeriac.q"));
    assertEquals((await inbox.next()).message.properties.deliveryMode, 2);
  },

  async "publish() carries headers of every type"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = await consumed(broker, "celeriac.q");
    const integers = [
      0,
      1,
      -1,
      127,
      128,
      -128,
      -129,
      200,
      255,
      256,
      511,
      32767,
      32768,
      -32768,
      -32769,
    ]
      .concat([2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1, 2 ** 40, -(2 ** 40)])
      .concat([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
    const headers = {
      ...Object.fromEntries(integers.map((integer) => [`i${integer}`, integer])),
      integers,
      big: 2n ** 62n + 1n,
      double: 1.5,
      tiny: -5e-324,
      huge: 1e300,
      yes: true,
      no: false,
      nothing: null,
      text: "Grüße, 世界 🌍",
      "näme": "",
      date: new Date("2026-01-02T03:04:05Z"),
      bytes: new Uint8Array([0, 127, 128, 255]),
      timelimit: [600, 540],
      nested: {
        retries: 3,
        deeper: { list: [1, [2, [null, "x", { y: -300 }]]], empty: {} },
        none: [],
      },
      "!": "int32",
      tricky: { "!": "int32", value: "no number" },
      constructor: "a name like any other",
    };
    await broker.publish({ ...message("", "celeriac.q"), headers });
    assertEquals((await inbox.next()).message.headers, headers);
    const loose = { gone: undefined, kept: 1n, late: new Date("2026-01-02T03:04:05.678Z") };
    // A caller in JavaScript may well leave a header undefined.
    await broker.publish({
      ...message("", "celeriac.q"),
      headers: loose as unknown as Message["headers"],
    });
    assertEquals((await inbox.next()).message.headers, {
      kept: 1,
      late: new Date("2026-01-02T03:04:05Z"),
    });
  },

  async "publish() rejects headers that AMQP cannot encode, and the next message succeeds"(broker) {
    await started(broker, queues("celeriac.q"));
    for (
      const bad of [
        NaN,
        -Infinity,
        2n ** 63n,
        -(2n ** 60n),
        new Date(NaN),
        new Date("1969-01-01T00:00:00Z"),
      ]
    ) {
      const sending = broker.publish({
        ...message("", "celeriac.q"),
        headers: { a: [{ b: bad }] },
      });
      const error = await sending.catch((error) => error);
      assertInstanceOf(error, InvalidInput);
      assertStringIncludes(error.message, "a[0].b");
    }
    await broker.publish(message("", "celeriac.q", "after"));
    assertEquals(await queued(broker, "celeriac.q"), ["after"]);
  },

  async "publish() with an expiration: an expired message is never delivered"(broker) {
    await started(broker, queues("celeriac.q"));
    await broker.publish({ ...message("", "celeriac.q", "late"), properties: { expiration: "1" } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await broker.publish(message("", "celeriac.q", "in time"));
    assertEquals(await queued(broker, "celeriac.q"), ["in time"]);
  },

  async "publish() with reply receives replies to its message until the signal aborts"(broker) {
    await started(broker, queues("celeriac.q"));
    const requests = await consumed(broker, "celeriac.q");
    const answer = async (body: string) => {
      const { message: request } = await requests.next();
      const { replyTo = "", correlationId = "" } = request.properties;
      const reply = { ...message("", replyTo, body), properties: { correlationId } };
      await broker.publish(reply, { mandatory: false });
      return reply;
    };
    const inboxes = [new Inbox<Message>(), new Inbox<Message>()];
    const waiting = new AbortController();
    for (const [index, inbox] of inboxes.entries()) {
      await broker.publish(
        { ...message("", "celeriac.q"), properties: { correlationId: `id-${index}` } },
        { reply: { signal: waiting.signal, receive: inbox.put } },
      );
    }
    const first = await answer("zero");
    await answer("one");
    assertEquals(text(await inboxes[0]!.next()), "zero");
    const second = await inboxes[1]!.next();
    assertEquals([text(second), second.properties.correlationId], ["one", "id-1"]);
    await broker.publish(first, { mandatory: false });
    await inboxes[0]!.next();
    waiting.abort();
    await broker.publish(first, { mandatory: false });
    assertEquals(inboxes[0]!.size, 0);
  },

  async "publish() with reply requires a correlation id"(broker) {
    await started(broker, queues("celeriac.q"));
    const reply = { signal: AbortSignal.abort(), receive: () => {} };
    await assertRejects(
      () => broker.publish(message("", "celeriac.q"), { reply }),
      InvalidInput,
      "correlation",
    );
  },
};
