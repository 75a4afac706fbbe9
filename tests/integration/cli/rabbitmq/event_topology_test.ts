/** Exchanges, policies and the stream of events at work, mostly as the user of other systems. */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import type { Channel, ConfirmChannel, Options } from "amqplib";
import { applyDefinitions } from "../../../../cli/rabbitmq/apply.ts";
import { renderDefinitions } from "../../../../cli/rabbitmq/render.ts";
import type { Topology } from "../../../../shared/broker/declaration.ts";
import { topology } from "../../../../shared/broker/topology.ts";
import { connected } from "../../../support/amqp_rights.ts";
import { eventually } from "../../../support/eventually.ts";
import { unprovisioned } from "../../../support/provisioned.ts";
import { management } from "../../../support/servers.ts";

const ENTRY = "event.celeriac";
const BY_TYPE = "type.event.celeriac";
const INBOX = "inbox.celeriac";
const FORWARD = "forward.celeriac";
const QUEUES = ["celeriac.default"];

/** A vhost with a topology, and channels of the user for other systems and of an administrator. */
async function createFixture(declared: Topology = topology(QUEUES)) {
  await using stack = new AsyncDisposableStack();
  const fixture = stack.use(unprovisioned(QUEUES));
  const options = { ...fixture.options, topology: declared };
  await applyDefinitions(fixture.management, await renderDefinitions(options));
  const channelOf = async (role: "events" | "admin") =>
    await stack.use(await connected(fixture.url(role))).connection.createConfirmChannel();
  const [channel, admin] = [await channelOf("events"), await channelOf("admin")];
  const owned = stack.move();
  return {
    channel,
    admin,
    queue: async (name: string) =>
      await management(
        fixture.managementUrl,
        "GET",
        `/api/queues/${fixture.vhost}/${name}`,
      ) as { policy?: string; effective_policy_definition?: Record<string, unknown> },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Publishes a new event and, as the forwarder does, passes it on. Resolves when the broker has confirmed both. */
async function publish(
  { channel, admin }: { readonly channel: ConfirmChannel; readonly admin: ConfirmChannel },
  type: string,
  attributes: Record<string, unknown> = {},
  options: Options.Publish = {},
): Promise<void> {
  const headers = Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`cloudEvents_${name}`, value]),
  );
  const given = { persistent: true, headers, ...options };
  channel.publish(ENTRY, type, Buffer.from(type), given);
  admin.publish(BY_TYPE, type, Buffer.from(type), given);
  await Promise.all([channel.waitForConfirms(), admin.waitForConfirms()]);
}

/** Removes and returns the messages of a queue. */
async function drain(channel: Channel, queue: string): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (!message) return found;
    found.push(message.content.toString());
  }
}

/** Removes and returns the messages of a queue whose single active consumer excludes `basic.get`. */
async function drainOurs(channel: Channel, queue: string): Promise<string[]> {
  const { messageCount } = await channel.checkQueue(queue);
  const found: string[] = [];
  const { consumerTag } = await channel.consume(queue, (message) => {
    found.push(message!.content.toString());
  }, { noAck: true });
  await eventually("the events of the queue", () => found.length === messageCount);
  await channel.cancel(consumerTag);
  return found;
}

Deno.test("an event reaches our queues, and other systems by type, by attribute and in full, once each", async () => {
  await using it = await createFixture();
  const { channel, admin } = it;
  for (const name of ["sub.paid", "sub.acme", "sub.every"]) {
    await channel.assertQueue(name, { arguments: { "x-queue-type": "quorum" } });
  }
  await channel.bindQueue("sub.paid", BY_TYPE, "orders.*.paid");
  await channel.bindQueue("sub.acme", "match.event.celeriac", "", {
    "x-match": "all",
    cloudEvents_tenant: "acme",
  });
  await channel.bindQueue("sub.every", "every.event.celeriac", "");
  await channel.bindQueue("sub.every", BY_TYPE, "#");
  await publish(it, "orders.eu.paid", { tenant: "other" });
  await publish(it, "prices.changed", { tenant: "acme" });
  const both = ["orders.eu.paid", "prices.changed"];
  assertEquals(await drain(channel, "sub.paid"), ["orders.eu.paid"]);
  assertEquals(await drain(channel, "sub.acme"), ["prices.changed"]);
  assertEquals(await drain(channel, "sub.every"), both);
  for (const queue of [INBOX, FORWARD]) assertEquals(await drainOurs(admin, queue), both);
});

for (const type of ["classic", "quorum"]) {
  Deno.test(`the policy of other systems' ${type} queues drops the oldest events, so that no event is refused`, async () => {
    const declared = topology(QUEUES);
    const policies = declared.policies.map((policy) => ({
      ...policy,
      definition: policy.name === "celeriac-subscribers"
        ? { ...policy.definition, "max-length-bytes": 1000 }
        : policy.definition,
    }));
    await using it = await createFixture({ ...declared, policies });
    await it.channel.assertQueue("sub.slow", { arguments: { "x-queue-type": type } });
    await it.channel.bindQueue("sub.slow", BY_TYPE, "#");
    for (let number = 0; number < 100; number++) {
      await publish(it, `number.${String(number).padStart(100, "0")}`);
    }
    const kept = await drain(it.channel, "sub.slow");
    assert(kept.length > 0 && kept.length < 20, `${kept.length} events were kept`);
    assertEquals(Number(kept.at(-1)?.split(".")[1]), 99);
    assertEquals((await drainOurs(it.admin, INBOX)).length, 100);
  });
}

Deno.test("each queue of events has its policy", async () => {
  await using it = await createFixture(topology(QUEUES, { stream: true }));
  await it.channel.assertQueue("sub.shop", { arguments: { "x-queue-type": "quorum" } });
  const policyOf = (name: string) =>
    eventually(`a policy of ${name}`, async () => {
      const { policy, effective_policy_definition } = await it.queue(name);
      return policy !== undefined && [policy, effective_policy_definition];
    });
  assertEquals(await policyOf("inbox.celeriac"), ["celeriac-inbox", {
    "dead-letter-exchange": "dlx.celeriac",
    "dead-letter-strategy": "at-least-once",
    "delivery-limit": 1_000_000,
    "max-length-bytes": 4_000_000_000,
    "overflow": "reject-publish",
  }]);
  assertEquals(await policyOf("forward.celeriac"), ["celeriac-forward", {
    "delivery-limit": 1_000_000,
    "max-length-bytes": 1_000_000_000,
    "overflow": "drop-head",
  }]);
  assertEquals(await policyOf("sub.shop"), ["celeriac-subscribers", {
    "expires": 1_209_600_000,
    "max-length-bytes": 1_000_000_000,
    "overflow": "drop-head",
  }]);
  assertEquals(await policyOf("log.celeriac"), ["celeriac-log", {
    "max-age": "7D",
    "max-length-bytes": 10_000_000_000,
  }]);
});

Deno.test("the policy of the inbox allows more failed deliveries than the broker's default of 20", async () => {
  await using it = await createFixture();
  await publish(it, "orders.paid");
  let deliveries = 0;
  const { consumerTag } = await it.admin.consume(INBOX, (message) => {
    if (++deliveries <= 120) it.admin.reject(message!, true);
    else it.admin.ack(message!);
  });
  await eventually("the last delivery", () => deliveries === 121);
  await it.admin.cancel(consumerTag);
  assertEquals(await drain(it.admin, "celeriac.dead"), []);
});

Deno.test("the broker passes the inbox on when its active consumer leaves", async () => {
  await using it = await createFixture();
  const received: string[] = [];
  const consume = (name: string) =>
    it.admin.consume(INBOX, (message) => {
      received.push(name);
      it.admin.ack(message!);
    });
  const first = await consume("first");
  await consume("second");
  for (let number = 0; number < 10; number++) await publish(it, "orders.paid");
  await eventually("ten events", () => received.length === 10);
  assertEquals([...new Set(received)], ["first"]);
  await it.admin.cancel(first.consumerTag);
  await publish(it, "orders.paid");
  await eventually("one more", () => received.length === 11);
  assertEquals(received.at(-1), "second");
});

Deno.test("the stream keeps events for each reader, from any offset", async () => {
  await using it = await createFixture(topology(QUEUES, { stream: true }));
  const types = Array.from({ length: 20 }, (_, number) => `orders.number${number}`);
  for (const type of types) await publish(it, type, { tenant: "acme" });
  await it.channel.prefetch(100);
  for (const [offset, expected] of [["first", types], [15, types.slice(15)]] as const) {
    const found: unknown[] = [];
    const { consumerTag } = await it.channel.consume("log.celeriac", (message) => {
      const { headers } = message!.properties;
      // A chunk of the stream can begin before the offset.
      if (offset === "first" || Number(headers?.["x-stream-offset"]) >= offset) {
        found.push([message!.fields.routingKey, headers?.["cloudEvents_tenant"]]);
      }
      it.channel.ack(message!);
    }, { arguments: { "x-stream-offset": offset } });
    await eventually("the events", () => found.length >= expected.length);
    await it.channel.cancel(consumerTag);
    assertEquals(found, expected.map((type) => [type, "acme"]));
  }
});
