import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseRefused, DatabaseUnavailable } from "../../../shared/errors.ts";
import type { Settlement } from "../../../shared/results/result.ts";
import { ResultWriter } from "../../../shared/results/writer.ts";
import { entry, settlement } from "../../support/settlements.ts";

/** Keeps what it is given; each call waits for the gate. */
class KeepingStore {
  readonly batches: (readonly Settlement[])[] = [];
  gate: Promise<unknown> = Promise.resolve();

  async settle(settlements: readonly Settlement[]): Promise<boolean[]> {
    this.batches.push(settlements);
    await this.gate;
    return settlements.map(({ state }) => state !== "REVOKED");
  }
}

Deno.test("settle() writes concurrent settlements in one batch and resolves each", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store });
  const given = [settlement(), settlement({ state: "REVOKED" }), settlement({ state: "FAILURE" })];
  assertEquals(await Promise.all(given.map((one) => writer.settle(one))), [true, false, true]);
  assertEquals(store.batches, [given]);
});

Deno.test("settle() replaces waiting STARTED and PROGRESS, and resolves all", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store });
  const startedAt = new Date(5000);
  const id = "a";
  const started = settlement({ id, state: "STARTED", startedAt });
  const progress = settlement({ id, state: "PROGRESS", result: "0.5", argsRepr: null });
  const success = settlement({ id, kwargsRepr: null });
  const answers = await Promise.all(
    [started, progress, settlement(), success].map((one) => writer.settle(one)),
  );
  assertEquals(answers, [true, true, true, true]);
  assertEquals(store.batches.map((batch) => batch.length), [2]);
  assertEquals(store.batches[0]![0], { ...success, startedAt, kwargsRepr: started.kwargsRepr });
});

Deno.test("settle() writes a short run in one statement, and STARTED of a longer one after a moment", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store, startedMs: 20 });
  const startedAt = new Date(5000);
  const states = () => store.batches.map((batch) => batch.map(({ id, state }) => `${id} ${state}`));
  const began = performance.now();
  const long = writer.settle(settlement({ id: "long", state: "STARTED", startedAt }));
  const short = writer.settle(settlement({ id: "short", state: "STARTED", startedAt }));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(states(), []);
  assertEquals(await writer.settle(settlement({ id: "short" })), true);
  assertEquals([await short, states()], [true, [["short SUCCESS"]]]);
  assertEquals(store.batches[0]![0]!.startedAt, startedAt);
  assertEquals([await long, states()], [true, [["short SUCCESS"], ["long STARTED"]]]);
  assert(performance.now() - began >= 19);
  await writer.settle(settlement({ id: "long" }));
  assertEquals(states().at(-1), ["long SUCCESS"]);
});

Deno.test("settle() writes a PROGRESS at once, in place of a STARTED that waits", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store, startedMs: 60_000 });
  const started = writer.settle(settlement({ id: "a", state: "STARTED" }));
  await writer.settle(settlement({ id: "a", state: "PROGRESS", result: "0.5" }));
  assertEquals(await started, true);
  assertEquals(store.batches.flat().map(({ state }) => state), ["PROGRESS"]);
});

Deno.test("stop() writes a STARTED that waits", async () => {
  const store = new KeepingStore();
  const writer = new ResultWriter({ store, startedMs: 60_000 });
  const started = writer.settle(settlement({ id: "a", state: "STARTED" }));
  await writer.stop();
  assertEquals([await started, store.batches.flat().length], [true, 1]);
});

Deno.test("settle() keeps the order of a STARTED that waits and of an earlier attempt's end", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store, startedMs: 60_000 });
  await Promise.all([
    writer.settle(settlement({ id: "a", state: "STARTED", retries: 1 })),
    writer.settle(settlement({ id: "a", state: "FAILURE", retries: 0 })),
  ]);
  assertEquals(store.batches.flat().map(({ state }) => state), ["STARTED", "FAILURE"]);
});

Deno.test("settle() never replaces a RETRY, a final state or a later attempt", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store });
  const id = "a";
  const given = [
    settlement({ id, state: "RETRY", retries: 1, next: entry(id, { retries: 1 }) }),
    settlement({ id, state: "STARTED", retries: 1 }),
    settlement({ id, state: "STARTED", retries: 0 }),
    settlement({ id, state: "SUCCESS", retries: 1 }),
    settlement({ id, state: "FAILURE", retries: 1 }),
  ];
  await Promise.all(given.map((one) => writer.settle(one)));
  const [retry, first, , success, failure] = given;
  // The stale STARTED could be overtaken; the one before it could not, by a stale one.
  assertEquals(store.batches.flat(), [retry, first, success, failure]);
});

Deno.test("settle() does not change a settlement during its write", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store, delayMs: 0 });
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const started = writer.settle(settlement({ id: "a", state: "STARTED" }));
  while (store.batches.length === 0) await new Promise((resolve) => setTimeout(resolve));
  const success = writer.settle(settlement({ id: "a" }));
  gate.resolve();
  await Promise.all([started, success]);
  assertEquals(store.batches.map(([one]) => one?.state), ["STARTED", "SUCCESS"]);
});

Deno.test("settle() isolates invalid settlements and waits for an unavailable database", async () => {
  let calls = 0;
  const stored: string[] = [];
  await using writer = new ResultWriter({
    store: {
      settle(settlements) {
        if (++calls <= 2) return Promise.reject(new DatabaseUnavailable("away"));
        if (settlements.some(({ id }) => id === "bad")) {
          return Promise.reject(new DatabaseRefused("invalid input syntax for type json", "22P02"));
        }
        stored.push(...settlements.map(({ id }) => id));
        return Promise.resolve(settlements.map(() => true));
      },
    },
  });
  const ids = ["a", "b", "bad", "c", "d"];
  const results = await Promise.allSettled(ids.map((id) => writer.settle(settlement({ id }))));
  assertEquals(results.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
  const [, , bad] = results;
  assert(bad?.status === "rejected" && bad.reason instanceof DatabaseRefused);
  assertEquals(stored, ["a", "b", "c", "d"]);
});

Deno.test("settle() splits results that are too large for one statement", async () => {
  const store = new KeepingStore();
  const settle = store.settle.bind(store);
  store.settle = (settlements) => {
    const length = settlements.reduce((sum, { result }) => sum + result!.length, 0);
    return length > 100
      ? Promise.reject(new RangeError("Invalid string length"))
      : settle(settlements);
  };
  await using writer = new ResultWriter({ store });
  const given = [settlement(), settlement({ result: "1".repeat(101) }), settlement()];
  const results = await Promise.allSettled(given.map((one) => writer.settle(one)));
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

Deno.test("settle() does not let a slow result delay the others", async () => {
  const stored: string[] = [];
  const opened = Promise.withResolvers<void>();
  let isOpen = false;
  await using writer = new ResultWriter({
    slowMs: 10,
    store: {
      async settle(settlements) {
        if (!isOpen && settlements.some(({ id }) => id === "slow")) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          throw new DatabaseUnavailable("no answer in time");
        }
        stored.push(...settlements.map(({ id }) => id));
        if (stored.includes("later")) opened.resolve();
        return settlements.map(() => true);
      },
    },
  });
  const first = ["a", "slow", "b"].map((id) => writer.settle(settlement({ id })));
  await Promise.all([first[0], first[2]]);
  assertEquals(await writer.settle(settlement({ id: "later" })), true);
  await opened.promise;
  isOpen = true;
  assertEquals(await first[1], true);
  assertEquals(stored, ["a", "b", "later", "slow"]);
});

Deno.test("settle() retries errors that an operator can fix", async () => {
  let calls = 0;
  await using writer = new ResultWriter({
    store: {
      settle: (settlements) =>
        ++calls < 3
          ? Promise.reject(new DatabaseRefused("relation does not exist", "42P01"))
          : Promise.resolve(settlements.map(() => true)),
    },
  });
  assertEquals(await writer.settle(settlement()), true);
});

Deno.test("stop() rejects settlements that cannot be written now", async () => {
  const tried = Promise.withResolvers<void>();
  const writer = new ResultWriter({
    store: {
      settle() {
        tried.resolve();
        return Promise.reject(new DatabaseUnavailable("away"));
      },
    },
  });
  const waiting = assertRejects(() => writer.settle(settlement()), DatabaseUnavailable);
  await tried.promise;
  await writer.stop();
  await waiting;
});

Deno.test("a batch is limited by the size of its results", async () => {
  const store = new KeepingStore();
  await using writer = new ResultWriter({ store });
  const result = JSON.stringify("x".repeat(3 * 1024 * 1024));
  await Promise.all(Array.from({ length: 4 }, () => writer.settle(settlement({ result }))));
  assertEquals(store.batches.map((batch) => batch.length), [2, 2]);
});
