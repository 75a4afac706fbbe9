import { assertEquals, assertThrows } from "@std/assert";
import { EventHub } from "../../../api/reading/event_hub.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { encodeEvents, EVENT_EXCHANGE } from "../../../shared/celery/event.ts";
import { Unavailable } from "../../../shared/errors.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { eventually } from "../../support/eventually.ts";

const NODE = { hostname: "celeriac@test", pid: 1, clock: () => 1 };

function started(...ids: string[]): Message {
  return encodeEvents(
    ids.map((id) => ({ event: { type: "task-started", id, name: "add" } as const, timestamp: 1 })),
    NODE,
  );
}

async function brokerWithEvents(): Promise<MemoryBroker> {
  const broker = new MemoryBroker();
  await broker.start();
  await broker.declare(declarationFor("api", []));
  return broker;
}

Deno.test("EventHub delivers events to the listeners of a task, and to observers", async () => {
  await using broker = await brokerWithEvents();
  await using hub = new EventHub({ broker });
  await hub.start();
  const heard: string[] = [];
  const all = Promise.withResolvers<void>();
  using _a = hub.subscribe("a", ({ uuid }) => heard.push(`a:${uuid}`));
  using _again = hub.subscribe("a", ({ uuid }) => heard.push(`again:${uuid}`));
  const b = hub.subscribe("b", ({ uuid }) => heard.push(`b:${uuid}`));
  b[Symbol.dispose]();
  b[Symbol.dispose]();
  using _all = hub.observe(({ uuid }) => uuid === "end" && all.resolve());
  await hub.ready();
  await broker.publish({ ...started(), body: new TextEncoder().encode("{broken") }, {
    mandatory: false,
  });
  await broker.publish(started("a", "b", "end"), { mandatory: false });
  await all.promise;
  assertEquals(heard, ["a:a", "again:a"]);
});

Deno.test("EventHub.subscribeAll() reports messages about tasks that nobody waits for", async () => {
  await using broker = await brokerWithEvents();
  await using hub = new EventHub({ broker });
  await hub.start();
  using _admitted = hub.admit();
  await hub.ready();
  const { promise, resolve } = Promise.withResolvers<void>();
  using _all = hub.subscribeAll(resolve);
  await broker.publish(started("unknown"), { mandatory: false });
  await promise;
});

Deno.test("EventHub.subscribe() rejects listeners above its limit", () => {
  const hub = new EventHub({
    broker: { listen: () => Promise.reject(new Error("not used")) },
    limit: 1000,
  });
  const subscriptions = Array.from(
    { length: 1000 },
    (_, n) => hub.subscribe(`id-${n}`, () => {}),
  );
  assertThrows(() => hub.subscribe("one more", () => {}), Unavailable);
  subscriptions[0]![Symbol.dispose]();
  hub.subscribe("one more", () => {})[Symbol.dispose]();
});

Deno.test("EventHub.start() and stop() do not wait for the broker", async () => {
  let closed = 0;
  const arriving = Promise.withResolvers<Awaited<ReturnType<MemoryBroker["listen"]>>>();
  const hub = new EventHub({ broker: { listen: () => arriving.promise } });
  await hub.start();
  hub.admit();
  await hub.stop();
  await hub.stop();
  const subscription = {
    queue: EVENT_EXCHANGE,
    active: true,
    lastActivity: 0,
    ready: () => Promise.resolve(0),
    cancel: () => Promise.resolve(),
    close: () => Promise.resolve(void closed++),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  arriving.resolve(subscription);
  await hub.ready();
  assertEquals(closed, 1);
});

Deno.test("EventHub consumes only while listeners exist and for a short time afterwards", async () => {
  await using broker = await brokerWithEvents();
  await using hub = new EventHub({ broker, lingerMs: 20 });
  await hub.start();
  await hub.ready();
  const somebodyListens = () => broker.publish(started("a")).then(() => true, () => false);
  assertEquals(await somebodyListens(), false, "a hub without callers has subscribed");
  const heard: (string | null)[] = [];
  const subscription = hub.subscribe("a", ({ uuid }) => heard.push(uuid));
  await hub.ready();
  await eventually("an event", async () => await somebodyListens() && heard.length > 0);
  subscription[Symbol.dispose]();
  await eventually("silence", async () => !await somebodyListens());
});

Deno.test("EventHub decodes only messages that mention a task to which somebody listens", async () => {
  const given = Promise.withResolvers<(message: Message) => void>();
  const subscription = { close: () => Promise.resolve() };
  await using hub = new EventHub({
    broker: {
      listen: (_exchange, onMessage) => {
        given.resolve(onMessage);
        return Promise.resolve(subscription as Awaited<ReturnType<MemoryBroker["listen"]>>);
      },
    },
  });
  await hub.start();
  const receive = (hub.admit(), await given.promise);
  const decoded = (...ids: string[]) => {
    const heard: (string | null)[] = [];
    const { [Symbol.dispose]: end } = hub.follow("first", ({ uuid }) => heard.push(uuid));
    receive(started(...ids));
    end();
    return heard;
  };
  let reads = 0;
  const { body, ...message } = started("a", "first");
  const counted: Message = {
    ...message,
    get body() {
      return reads++, body;
    },
  };
  receive(counted);
  const unheard = reads;
  assertEquals(decoded("a", "first", "b"), ["first"]);
  assertEquals(decoded("a", "b"), []);
  using _other = hub.follow("other", () => {});
  receive(counted);
  const searched = reads - unheard;
  using _first = hub.follow("first", () => {});
  receive(counted);
  // One read for the search, and one to decode.
  assertEquals([unheard, searched, reads - unheard - searched], [1, 1, 2]);
});

Deno.test("EventHub finds the events of tasks whose ids JSON escapes, and of many tasks", async () => {
  await using broker = await brokerWithEvents();
  await using hub = new EventHub({ broker });
  await hub.start();
  using _admitted = hub.admit();
  await hub.ready();
  const heard: (string | null)[] = [];
  const ids = ['a"b', "a\nb", "語", ...Array.from({ length: 20 }, (_, n) => `id-${n}`)];
  for (const id of ids) {
    using _following = hub.follow(id, ({ uuid }) => heard.push(uuid));
    await broker.publish(started("x", id), { mandatory: false });
    await eventually(`an event of ${id}`, () => Promise.resolve(heard.at(-1) === id));
  }
  using _all = new DisposableStack();
  for (const id of ids) _all.use(hub.follow(id, ({ uuid }) => heard.push(uuid)));
  heard.length = 0;
  await broker.publish(started(...ids, "x"), { mandatory: false });
  await eventually("the events of all", () => Promise.resolve(heard.length === ids.length));
  assertEquals(heard, ids);
});
