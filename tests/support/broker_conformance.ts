/** What every broker must do. One suite, run against each implementation. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type {
  Broker,
  Declaration,
  Delivery,
  Message,
  Properties,
} from "../../shared/broker/broker.ts";
import {
  BrokerUnavailable,
  InvalidInput,
  TopologyMissing,
  Unroutable,
} from "../../shared/errors.ts";
import { Inbox } from "./inbox.ts";

/** A broker on ground of its own: not started, and with nothing declared. */
export interface BrokerUnderTest extends AsyncDisposable {
  readonly broker: Broker;
}

/** Registers the suite.
 *
 * @param name of the implementation, such as `AmqpBroker`
 * @param open makes a broker. Messages that its queues `celeriac.*` set aside must go to exchange `dlx.celeriac` where that exists */
export function testBroker(name: string, open: () => Promise<BrokerUnderTest>): void {
  for (const [title, test] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, async () => {
      await using ground = await open();
      await test(ground.broker);
    });
  }
}

const CASES: Record<string, (broker: Broker) => Promise<void>> = {
  async "start() may come twice, connected() resolves, stop() may come twice"(broker) {
    assertEquals(broker.status.state, "stopped");
    await broker.start();
    await broker.start();
    await broker.connected();
    assertEquals(broker.status, { state: "connected" });
    await broker.stop();
    await broker.stop();
    assertEquals(broker.status.state, "stopped");
    await assertRejects(
      () => broker.publish(message("", "celeriac.q")),
      BrokerUnavailable,
      "stopped",
    );
  },

  async "stop() may come before start()"(broker) {
    await broker.stop();
    assertEquals(broker.status.state, "stopped");
  },

  async "connected() and publish() reject with the reason of their signal"(broker) {
    const reason = new Error("no more");
    const signal = AbortSignal.abort(reason);
    assertEquals(await broker.connected({ signal }).catch((error) => error), reason);
    await started(broker, queues("celeriac.q"));
    const publishing = broker.publish(message("", "celeriac.q"), { signal });
    assertEquals(await publishing.catch((error) => error), reason);
  },

  async "publish() before start() says that it is stopped"(broker) {
    await assertRejects(
      () => broker.publish(message("", "celeriac.q")),
      BrokerUnavailable,
      "stopped",
    );
  },

  async "publish() reaches a queue by its name through the default exchange"(broker) {
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
      exchanges: [{ name: "x", type: "direct", durable: true }],
      ...queues("celeriac.a", "celeriac.b"),
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
      exchanges: [{ name: "events", type: "topic", durable: true }],
      ...queues(...names),
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
      exchanges: [{ name: "news", type: "fanout", durable: true }],
      ...queues("celeriac.a", "celeriac.b"),
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
      exchanges: [{ name: "match", type: "headers", durable: true }],
      ...queues("celeriac.all", "celeriac.any", "celeriac.implied"),
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

  async "publish() rejects what no queue is bound for, unless that does not matter"(broker) {
    await started(broker, {
      exchanges: [{ name: "x", type: "direct", durable: true }],
      ...queues("celeriac.q"),
      bindings: [],
    });
    const error = await assertRejects(() => broker.publish(message("x", "images")), Unroutable);
    assertStringIncludes(error.message, "'images'");
    assertStringIncludes(error.message, "cli.ts definitions apply");
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

  async "publish() to a missing exchange names it, and the next message goes"(broker) {
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
      infinite: -Infinity,
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

  async "publish() rejects headers that cannot be carried, and the next message goes"(broker) {
    await started(broker, queues("celeriac.q"));
    for (const bad of [2n ** 63n, -(2n ** 60n), new Date(NaN), new Date("1969-01-01T00:00:00Z")]) {
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

  async "publish() lets an expired message never be delivered"(broker) {
    await started(broker, queues("celeriac.q"));
    await broker.publish({ ...message("", "celeriac.q", "late"), properties: { expiration: "1" } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await broker.publish(message("", "celeriac.q", "in time"));
    assertEquals(await queued(broker, "celeriac.q"), ["in time"]);
  },

  async "declare() leaves what exists as it is, and may come twice"(broker) {
    const declaration: Declaration = {
      exchanges: [{ name: "x", type: "fanout", durable: true }],
      ...queues("celeriac.q"),
      bindings: [{ exchange: "x", queue: "celeriac.q", routingKey: "" }],
    };
    await started(broker, declaration);
    await broker.declare({
      ...declaration,
      exchanges: [{ name: "x", type: "direct", durable: false }],
      queues: [{ name: "celeriac.q", type: "classic" }],
    });
    await broker.publish(message("x", "any key", "fanned out"));
    assertEquals(await queued(broker, "celeriac.q"), ["fanned out"]);
  },

  async "consume() hands out no more than prefetch"(broker) {
    await started(broker, queues("celeriac.q"));
    for (const number of ["1", "2", "3", "4", "5"]) {
      await broker.publish(message("", "celeriac.q", number));
    }
    const first = new Inbox<Delivery>();
    await broker.consume("celeriac.q", first.put, { prefetch: 2 });
    const held = await first.take(2);
    const second = new Inbox<Delivery>();
    await broker.consume("celeriac.q", second.put, { prefetch: 10 });
    assertEquals((await second.take(3)).map(({ message }) => text(message)), ["3", "4", "5"]);
    assertEquals(first.size, 0);
    for (const delivery of held) delivery.ack();
    await broker.publish(message("", "celeriac.q", "6"));
    await broker.publish(message("", "celeriac.q", "7"));
    const more = await Promise.race([first.next(), second.next()]);
    assert(["6", "7"].includes(text(more.message)));
  },

  async "consume() gives a slot free by an ack to the next message"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = await consumed(broker, "celeriac.q", 1);
    for (const number of ["1", "2", "3"]) await broker.publish(message("", "celeriac.q", number));
    for (const number of ["1", "2", "3"]) {
      const delivery = await inbox.next();
      assertEquals(text(delivery.message), number);
      assertEquals(inbox.size, 0);
      delivery.ack();
    }
  },

  async "consume() waits for a queue that is not there yet"(broker) {
    await started(broker, queues());
    const inbox = new Inbox<Delivery>();
    const consuming = broker.consume("celeriac.late", inbox.put, { prefetch: 1 });
    await broker.declare(queues("celeriac.late"));
    const subscription = await consuming;
    assert(subscription.active);
    await broker.publish(message("", "celeriac.late", "here"));
    assertEquals(text((await inbox.next()).message), "here");
  },

  async "consume() says which queue, whether active and since when"(broker) {
    await started(broker, queues("celeriac.q"));
    const before = Date.now();
    const inbox = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 1 });
    assertEquals([subscription.queue, subscription.active], ["celeriac.q", true]);
    assert(subscription.lastActivity >= before && subscription.lastActivity <= Date.now());
    await subscription.close();
    assertEquals(subscription.active, false);
    await subscription.close();
  },

  async "ack() is for good, nack() with requeue comes back as redelivered"(broker) {
    await started(broker, queues("celeriac.q"));
    const first = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", first.put, { prefetch: 10 });
    await broker.publish(message("", "celeriac.q", "done"));
    await broker.publish(message("", "celeriac.q", "back"));
    const [done, back] = await first.take(2);
    done?.ack();
    back?.nack({ requeue: true });
    const again = await first.next();
    assertEquals([text(again.message), again.redelivered], ["back", true]);
    again.ack();
    await subscription.close();
    assertEquals(await queued(broker, "celeriac.q"), []);
  },

  async "nack() without requeue sets the message aside, with where it came from"(broker) {
    await started(broker, {
      exchanges: [{ name: "dlx.celeriac", type: "fanout", durable: true }],
      ...queues("celeriac.q", "celeriac.dead"),
      bindings: [{ exchange: "dlx.celeriac", queue: "celeriac.dead", routingKey: "" }],
    });
    const inbox = await consumed(broker, "celeriac.q");
    await broker.publish({ ...message("", "celeriac.q", "bad"), headers: { id: "7" } });
    (await inbox.next()).nack({ requeue: false });
    const dead = await consumed(broker, "celeriac.dead");
    const { message: arrived } = await dead.next();
    assertEquals([text(arrived), arrived.routingKey], ["bad", "celeriac.q"]);
    const { id, "x-first-death-queue": queue, "x-first-death-reason": reason } = arrived.headers;
    assertEquals([id, queue, reason], ["7", "celeriac.q", "rejected"]);
    const [death] = arrived.headers["x-death"] as Record<string, unknown>[];
    assertEquals([death?.["queue"], death?.["reason"], death?.["count"]], [
      "celeriac.q",
      "rejected",
      1,
    ]);
  },

  async "a second answer and one after close() do nothing"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 10 });
    await broker.publish(message("", "celeriac.q", "1"));
    await broker.publish(message("", "celeriac.q", "2"));
    const [one, two] = await inbox.take(2);
    one?.ack();
    one?.ack();
    one?.nack({ requeue: true });
    assertEquals([one?.open, two?.open], [true, true]);
    await subscription.close();
    assertEquals(two?.open, false);
    two?.ack();
    two?.nack({ requeue: false });
    assertEquals(await queued(broker, "celeriac.q"), ["2"]);
  },

  async "cancel() stops fetching and leaves deliveries to be answered"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 2 });
    for (const number of ["1", "2", "3"]) await broker.publish(message("", "celeriac.q", number));
    const [one, two] = await inbox.take(2);
    await subscription.cancel();
    assertEquals([one?.open, two?.open, subscription.active], [true, true, false]);
    one?.ack();
    const other = await consumed(broker, "celeriac.q");
    assertEquals(text((await other.next()).message), "3");
    assertEquals(inbox.size, 0);
    await subscription.close();
    const given = await other.next();
    assertEquals([text(given.message), given.redelivered], ["2", true]);
  },

  async "close() gives back what is not answered, in order"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 2 });
    for (const number of ["1", "2", "3"]) await broker.publish(message("", "celeriac.q", number));
    await inbox.take(2);
    await subscription.close();
    const again = await (await consumed(broker, "celeriac.q")).take(3);
    assertEquals(
      again.map(({ message, redelivered }) => [text(message), redelivered]),
      [["1", true], ["2", true], ["3", false]],
    );
  },

  async "two consumers share a queue"(broker) {
    await started(broker, queues("celeriac.q"));
    const one = await consumed(broker, "celeriac.q", 1);
    const two = await consumed(broker, "celeriac.q", 1);
    await broker.publish(message("", "celeriac.q", "1"));
    await broker.publish(message("", "celeriac.q", "2"));
    const both = [await one.next(), await two.next()];
    assertEquals(both.map(({ message }) => text(message)).sort(), ["1", "2"]);
  },

  async "publish() with reply hears the answers to its own message until told to stop"(broker) {
    await started(broker, queues("celeriac.q"));
    const requests = await consumed(broker, "celeriac.q");
    const answer = async (body: string) => {
      const { message: request } = await requests.next();
      const { replyTo, correlationId } = request.properties;
      assert(replyTo !== undefined && correlationId !== undefined);
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

  async "publish() with reply needs a correlation id"(broker) {
    await started(broker, queues("celeriac.q"));
    const reply = { signal: AbortSignal.abort(), receive: () => {} };
    await assertRejects(
      () => broker.publish(message("", "celeriac.q"), { reply }),
      InvalidInput,
      "correlation",
    );
  },

  async "listen() hears what its keys match, and nothing after close()"(broker) {
    await started(broker, {
      exchanges: [{ name: "events", type: "topic", durable: true }],
      ...queues("celeriac.mark"),
      bindings: [{ exchange: "events", queue: "celeriac.mark", routingKey: "#" }],
    });
    const inbox = new Inbox<Message>();
    const subscription = await broker.listen("events", inbox.put, { keys: ["task.*", "worker.#"] });
    assert(subscription.active && subscription.queue !== "");
    for (const key of ["other", "task.a", "task.a.b", "worker.x.y"]) {
      await broker.publish(message("events", key, key));
    }
    assertEquals([text(await inbox.next()), text(await inbox.next())], ["task.a", "worker.x.y"]);
    await subscription.close();
    await broker.publish(message("events", "task.b"));
    assertEquals([inbox.size, subscription.active], [0, false]);
  },

  async "listen() to a fanout through a queue of a given name, which is taken then"(broker) {
    await started(broker, {
      exchanges: [{ name: "pidbox", type: "fanout", durable: false }],
      queues: [],
      bindings: [],
    });
    const inbox = new Inbox<Message>();
    const options = { keys: [""], queue: "me.pidbox", arguments: { "x-message-ttl": 300_000 } };
    const subscription = await broker.listen("pidbox", inbox.put, options);
    assertEquals(subscription.queue, "me.pidbox");
    await broker.publish(message("pidbox", "", "to all"));
    await broker.publish(message("", "me.pidbox", "to me"));
    assertEquals([text(await inbox.next()), text(await inbox.next())], ["to all", "to me"]);
    await assertRejects(
      () => broker.listen("pidbox", inbox.put, options),
      InvalidInput,
      "me.pidbox",
    );
    await subscription.close();
    await (await broker.listen("pidbox", inbox.put, options)).close();
  },

  async "stop() ends subscriptions and leaves their deliveries without effect"(broker) {
    await started(broker, queues("celeriac.q"));
    const inbox = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 1 });
    await broker.publish(message("", "celeriac.q"));
    const delivery = await inbox.next();
    await broker.stop();
    assertEquals([delivery.open, subscription.active], [false, false]);
    delivery.ack();
    await subscription.cancel();
    await subscription.close();
  },
};

/** A message for tests. */
export function message(exchange: string, routingKey: string, body = ""): Message {
  return {
    exchange,
    routingKey,
    properties: {},
    headers: {},
    body: new TextEncoder().encode(body),
  };
}

/** The body as text. */
export function text({ body }: Message): string {
  return new TextDecoder().decode(body);
}

/** Quorum queues and nothing else. */
export function queues(...names: string[]): Declaration {
  return { exchanges: [], queues: names.map((name) => ({ name, type: "quorum" })), bindings: [] };
}

/** Starts a broker and declares. */
export async function started(broker: Broker, declaration: Declaration): Promise<void> {
  await broker.start();
  await broker.connected();
  await broker.declare(declaration);
}

/** Consumes from a queue until the broker stops. */
export async function consumed(
  broker: Broker,
  queue: string,
  prefetch = 2000,
): Promise<Inbox<Delivery>> {
  const inbox = new Inbox<Delivery>();
  await broker.consume(queue, inbox.put, { prefetch });
  return inbox;
}

/** The next bodies, each acked. */
async function texts(inbox: Inbox<Delivery>, count: number): Promise<string[]> {
  return (await inbox.take(count)).map((delivery) => {
    delivery.ack();
    return text(delivery.message);
  });
}

/** All bodies in a queue: those before a last one that is put in here. */
async function queued(broker: Broker, queue: string): Promise<string[]> {
  const last = crypto.randomUUID();
  await broker.publish(message("", queue, last));
  const inbox = new Inbox<Delivery>();
  const subscription = await broker.consume(queue, inbox.put, { prefetch: 2000 });
  const found: string[] = [];
  for (;;) {
    const delivery = await inbox.next();
    delivery.ack();
    if (text(delivery.message) === last) break;
    found.push(text(delivery.message));
  }
  await subscription.close();
  return found;
}
