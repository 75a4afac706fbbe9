/** What every broker must do when it starts, stops, declares and consumes. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Broker, Delivery } from "../../shared/broker/broker.ts";
import type { Declaration } from "../../shared/broker/declaration.ts";
import type { Message } from "../../shared/broker/message.ts";
import { BrokerUnavailable, InvalidInput } from "../../shared/errors.ts";
import { consumed, message, queued, queues, started, text } from "./broker_helpers.ts";
import { eventually } from "./eventually.ts";
import { Inbox } from "./inbox.ts";

/** Cases by title. */
export const CONSUMING: Record<string, (broker: Broker) => Promise<void>> = {
  async "start() and stop() are idempotent, connected() resolves"(broker) {
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

  async "stop() works before start()"(broker) {
    await broker.stop();
    assertEquals(broker.status.state, "stopped");
  },

  async "connected() and publish() reject with their signal's reason"(broker) {
    const reason = new Error("no more");
    const signal = AbortSignal.abort(reason);
    assertEquals(await broker.connected({ signal }).catch((error) => error), reason);
    await started(broker, queues("celeriac.q"));
    const publishing = broker.publish(message("", "celeriac.q"), { signal });
    assertEquals(await publishing.catch((error) => error), reason);
  },

  async "publish() before start() reports a stopped broker"(broker) {
    await assertRejects(
      () => broker.publish(message("", "celeriac.q")),
      BrokerUnavailable,
      "stopped",
    );
  },

  async "declare() changes nothing that exists and is idempotent"(broker) {
    const declaration: Declaration = {
      ...queues("celeriac.q"),
      exchanges: [{ name: "x", type: "fanout", durable: true }],
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

  async "consume() delivers no more than the prefetch"(broker) {
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
    assertEquals(held.map(({ message }) => text(message)), ["1", "2"]);
  },

  async "ready() counts ready messages while its consumer is active"(broker) {
    await started(broker, queues("celeriac.q"));
    for (const number of ["1", "2", "3"]) await broker.publish(message("", "celeriac.q", number));
    const inbox = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 1 });
    await inbox.take(1);
    await eventually("two to wait", async () => await subscription.ready() === 2);
    await subscription.close();
    await assertRejects(() => subscription.ready(), BrokerUnavailable, "not consumed");
  },

  async "measure() counts ready messages and consumers of any queue"(broker) {
    await started(broker, queues("celeriac.q"));
    for (const number of ["1", "2", "3"]) await broker.publish(message("", "celeriac.q", number));
    await eventually("three to wait", async () => {
      const { ready, consumers } = await broker.measure("celeriac.q") ?? {};
      return ready === 3 && consumers === 0;
    });
    const inbox = await consumed(broker, "celeriac.q", 1);
    await inbox.next();
    await eventually("two to wait", async () => {
      const { ready, consumers } = await broker.measure("celeriac.q") ?? {};
      return ready === 2 && consumers === 1;
    });
    assertEquals(await broker.measure("celeriac.missing"), undefined);
  },

  async "consume() delivers the next message after an ack"(broker) {
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

  async "consume() waits for a missing queue"(broker) {
    await started(broker, queues());
    const inbox = new Inbox<Delivery>();
    const consuming = broker.consume("celeriac.late", inbox.put, { prefetch: 1 });
    await broker.declare(queues("celeriac.late"));
    const subscription = await consuming;
    assert(subscription.active);
    await broker.publish(message("", "celeriac.late", "here"));
    assertEquals(text((await inbox.next()).message), "here");
  },

  async "consume() rejects a prefetch outside AMQP's range"(broker) {
    await started(broker, queues("celeriac.q"));
    for (const prefetch of [0, -1, 1.5, 65_536, NaN]) {
      await assertRejects(
        () => broker.consume("celeriac.q", () => {}, { prefetch }),
        InvalidInput,
        "prefetch",
      );
    }
  },

  async "consume() exposes queue, activity and last activity"(broker) {
    await started(broker, queues("celeriac.q"));
    const before = performance.now();
    const inbox = new Inbox<Delivery>();
    const subscription = await broker.consume("celeriac.q", inbox.put, { prefetch: 1 });
    assertEquals([subscription.queue, subscription.active], ["celeriac.q", true]);
    assert(subscription.lastActivity >= before && subscription.lastActivity <= performance.now());
    await subscription.close();
    assertEquals(subscription.active, false);
    await subscription.close();
  },

  async "ack() removes a message, nack() with requeue redelivers it"(broker) {
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

  async "nack() without requeue dead-letters the message with its origin"(broker) {
    await started(broker, {
      ...queues("celeriac.q", "celeriac.dead"),
      exchanges: [{ name: "dlx.celeriac", type: "fanout", durable: true }],
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

  async "a second ack, and one after close(), have no effect"(broker) {
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
    let told = 0;
    two?.gone.addEventListener("abort", () => told++);
    assertEquals(told, 0);
    await subscription.close();
    assertEquals([two?.open, two?.gone.aborted, told], [false, true, 1]);
    two?.ack();
    two?.nack({ requeue: false });
    assertEquals(await queued(broker, "celeriac.q"), ["2"]);
  },

  async "cancel() stops fetching, and deliveries can still be acked"(broker) {
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

  async "close() requeues unacked deliveries in order"(broker) {
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

  async "listen() receives matching messages until close()"(broker) {
    await started(broker, {
      ...queues("celeriac.mark"),
      exchanges: [{ name: "events", type: "topic", durable: true }],
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
    await eventually("a publish past the queue that goes", async () => {
      try {
        await broker.publish(message("events", "task.b"));
        return true;
      } catch (error) {
        if (error instanceof BrokerUnavailable) return false; // nacked by the queue on its way out
        throw error;
      }
    });
    assertEquals([inbox.size, subscription.active], [0, false]);
  },

  async "listen() to a fanout reserves the given queue name"(broker) {
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

  async "stop() ends subscriptions, and acks then have no effect"(broker) {
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
