import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { SubscriptionCache } from "../../../shared/events/subscription_cache.ts";
import type { StoredSubscription } from "../../../shared/events/subscription_store.ts";

const EVENT = cloudEvent({
  specversion: "1.0",
  id: "1",
  source: "/s",
  type: "a.b",
  tenant: "acme",
});

function stored(name: string, changes: Partial<StoredSubscription> = {}): StoredSubscription {
  return {
    name,
    patterns: ["a.*"],
    where: {},
    match: "all",
    deliver: { task: name, queue: "celeriac.default", args: "/data" },
    source: "code",
    pausedAt: null,
    pausedAfter: null,
    revision: "1",
    createdAt: new Date(),
    updatedAt: new Date(),
    ...changes,
  };
}

/** A store that counts its reads. */
function storeOf(...answers: (StoredSubscription[] | Error)[]) {
  const store = {
    reads: 0,
    all() {
      const answer = answers[Math.min(store.reads++, answers.length - 1)]!;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  return store;
}

async function names(cache: SubscriptionCache): Promise<string[]> {
  return (await cache.of(EVENT)).map(({ name }) => name);
}

Deno.test("of() finds the subscriptions that select an event and are not paused", async () => {
  const store = storeOf([
    stored("one"),
    stored("paused", { pausedAt: new Date() }),
    stored("other", { patterns: ["b.#"] }),
    stored("tenant", { where: { tenant: "zebra" } }),
  ]);
  assertEquals(await names(new SubscriptionCache({ store })), ["one"]);
});

Deno.test("of() reads once for many events, and again when the subscriptions are too old", async () => {
  const store = storeOf([stored("one")], [stored("two")]);
  const cache = new SubscriptionCache({ store, maxAgeMs: 60_000 });
  await Promise.all(Array.from({ length: 100 }, () => names(cache)));
  assertEquals(store.reads, 1);
  const impatient = new SubscriptionCache({ store, maxAgeMs: 0 });
  assertEquals([await names(impatient), store.reads], [["two"], 2]);
});

Deno.test("of() does not keep a failed read", async () => {
  const store = storeOf(new DatabaseUnavailable("Cannot read because of a test"), [stored("one")]);
  const cache = new SubscriptionCache({ store, maxAgeMs: 60_000 });
  await assertRejects(() => cache.of(EVENT), DatabaseUnavailable);
  assertEquals(await names(cache), ["one"]);
});

Deno.test("of() compares attributes for each event, also of a type that it has seen", async () => {
  const cache = new SubscriptionCache({
    store: storeOf([
      stored("all"),
      stored("acme", { where: { tenant: "acme" } }),
      stored("either", { where: { tenant: "other", source: "/s" }, match: "any" }),
      stored("elsewhere", { patterns: ["c.#", "*.c"] }),
    ]),
    maxAgeMs: 60_000,
  });
  const selected = async (changes: Record<string, string>) =>
    (await cache.of(cloudEvent({ ...EVENT, ...changes }))).map(({ name }) => name);
  for (let round = 0; round < 2; round++) {
    assertEquals(await selected({}), ["all", "acme", "either"]);
    assertEquals(await selected({ tenant: "b" }), ["all", "either"]);
    assertEquals(await selected({ tenant: "b", source: "/t" }), ["all"]);
    assertEquals(await selected({ type: "a.c" }), ["all", "acme", "either", "elsewhere"]);
    assertEquals(await selected({ type: "b.c" }), ["elsewhere"]);
    for (let n = 0; n < 1500; n++) await selected({ type: `types.of.others.${n}` });
  }
});
