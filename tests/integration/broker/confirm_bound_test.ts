import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { BrokerUnavailable, InvalidInput, TopologyMissing } from "../../../shared/errors.ts";
import { message, queues, started } from "../../support/broker_helpers.ts";
import { eventually } from "../../support/eventually.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { freshVhost, management } from "../../support/servers.ts";

/** Publishes until the given number of messages is confirmed, because the short timeouts of these tests may expire on a busy machine. */
async function confirmed(
  broker: AmqpBroker,
  count = 1,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const one = () =>
    eventually(
      "a confirm",
      () => broker.publish(message("", "celeriac.q"), options).then(() => true, () => false),
    );
  await Promise.all(Array.from({ length: count }, one));
}

Deno.test("publish() fails when no confirm arrives in time", async () => {
  await using vhost = await freshVhost();
  await using proxy = TcpProxy.of(vhost.url);
  await using broker = new AmqpBroker({
    url: proxy.through(vhost.url),
    name: "bound",
    confirmTimeoutMs: 300,
  });
  await started(broker, queues("celeriac.q"));
  await confirmed(broker);
  proxy.swallow();
  const { message: said } = await assertRejects(
    () => broker.publish(message("", "celeriac.q")),
    BrokerUnavailable,
    "did not confirm it within ",
  );
  const ms = Number(/within (\d+) ms/.exec(said)?.[1]);
  assert(ms >= 300 && ms < 5000, said); // 5 s are the default
  proxy.pass();
  await confirmed(broker);
});

Deno.test("publish() queues messages beyond the in-flight limit, up to the timeout", async () => {
  await using vhost = await freshVhost();
  await using proxy = TcpProxy.of(vhost.url);
  await using broker = new AmqpBroker({
    url: proxy.through(vhost.url),
    name: "slots",
    confirmTimeoutMs: 500,
    maxInFlight: 10,
  });
  await started(broker, queues("celeriac.q"));
  await confirmed(broker, 100);
  proxy.swallow();
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, () => broker.publish(message("", "celeriac.q"))),
  );
  const reasons = results.map((result) =>
    result.status === "rejected" ? String(result.reason) : ""
  );
  assertEquals(reasons.filter((reason) => reason.includes("did not confirm it")).length, 10);
  assertEquals(reasons.filter((reason) => reason.startsWith("NotSent")).length, 20);
  proxy.pass();
  // The unresponsive channel was replaced.
  await confirmed(broker);
});

Deno.test("AmqpBroker replaces the connection to a silent broker", async () => {
  await using vhost = await freshVhost();
  await using proxy = TcpProxy.of(vhost.url);
  await using broker = new AmqpBroker({
    url: proxy.through(vhost.url),
    name: "silent",
    heartbeat: 1,
  });
  await started(broker, queues("celeriac.q"));
  proxy.swallow();
  await eventually("the loss", () => broker.status.state === "connecting");
  assertStringIncludes(broker.status.reason ?? "", "no heartbeat");
  proxy.pass();
  await broker.connected();
  await broker.publish(message("", "celeriac.q"));
});

Deno.test("publish() distinguishes the message that closes the channel from others in flight", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "guilty" });
  await started(broker, queues("celeriac.q"));
  const results = await Promise.allSettled([
    broker.publish(message("", "celeriac.q")),
    broker.publish(message("gone", "celeriac.q")),
    broker.publish(message("", "celeriac.q")),
  ]);
  const [, guilty, innocent] = results.map((result) =>
    result.status === "rejected" ? result.reason : undefined
  );
  assert(guilty instanceof TopologyMissing);
  assertStringIncludes(guilty.message, "'gone'");
  assertEquals(innocent, undefined);
  await broker.publish(message("", "celeriac.q"));
});

Deno.test("publish() reports a message that AMQP cannot encode, and continues", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "unfit" });
  await started(broker, queues("celeriac.q"));
  const unfit = [
    { ...message("", "celeriac.q"), headers: { long: "x".repeat(70_000) } },
    { ...message("", "celeriac.q"), headers: { ["k".repeat(300)]: 1 } },
    { ...message("", "celeriac.q"), properties: { correlationId: "x".repeat(300) } },
    { ...message("", "celeriac.q"), properties: { userId: "somebody else" } },
    message("", "k".repeat(300)),
  ];
  for (const bad of unfit) {
    await assertRejects(() => broker.publish(bad), InvalidInput, "Cannot publish to queue");
  }
  await broker.publish(message("", "celeriac.q"));
});

Deno.test("publish() fails on a full queue and works again when its limit is removed", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "full", refusalMs: 500 });
  await started(broker, queues("celeriac.q", "celeriac.other"));
  const policy = `/api/policies/${vhost.name}/short`;
  await management(vhost.managementUrl, "PUT", policy, {
    pattern: "^celeriac\\.q$",
    "apply-to": "queues",
    definition: { "max-length": 1, overflow: "reject-publish" },
  });
  const error = await eventually(
    "the refusal",
    () => broker.publish(message("", "celeriac.q")).then(() => undefined, (error) => error),
  );
  assert(error instanceof BrokerUnavailable);
  assertStringIncludes(error.message, "rejected it");
  await management(vhost.managementUrl, "DELETE", policy);
  await eventually("a confirm", async () => {
    await broker.publish(message("", "celeriac.other")); // never refused
    return await broker.publish(message("", "celeriac.q")).then(() => true, () => false);
  });
});

Deno.test("publish() keeps at most two channels for a queue that rejects everything", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "two", refusalMs: 50 });
  const names = ["celeriac.one", "celeriac.two", "celeriac.three"];
  await started(broker, queues(...names));
  const { managementUrl, name } = vhost;
  await management(managementUrl, "PUT", `/api/policies/${name}/short`, {
    pattern: "^celeriac\\.",
    "apply-to": "queues",
    definition: { "max-length": 1, overflow: "reject-publish" },
  });
  let refusals = 0;
  await eventually("many refusals", async () => {
    const sent = await Promise.allSettled(names.map((queue) => broker.publish(message("", queue))));
    refusals += sent.filter(({ status }) => status === "rejected").length;
    return refusals > 300;
  });
  await eventually("two channels a queue", async () => {
    const found = await management(managementUrl, "GET", `/api/vhosts/${name}/channels`);
    const channels = found as { connection_details: object }[];
    return channels.length > 0 && channels.length <= 2 * names.length;
  });
});

Deno.test("publish() rejects when its signal aborts", async () => {
  await using vhost = await freshVhost();
  await using proxy = TcpProxy.of(vhost.url);
  await using broker = new AmqpBroker({
    url: proxy.through(vhost.url),
    name: "signal",
    confirmTimeoutMs: 1000,
  });
  await started(broker, queues("celeriac.q"));
  proxy.swallow();
  const stopping = new AbortController();
  const publishing = broker.publish(message("", "celeriac.q"), { signal: stopping.signal });
  const reason = new Error("no longer needed");
  stopping.abort(reason);
  assertEquals(await publishing.catch((error) => error), reason);
  proxy.pass();
  await confirmed(broker, 1, { signal: new AbortController().signal });
});
