import { assertEquals, assertRejects } from "@std/assert";
import { v7 } from "uuid";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../../../shared/errors.ts";
import { ClaimReader } from "../../../workers/delivery/claims.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { ResultWriter } from "../../../shared/results/writer.ts";
import { migratedPostgres } from "../../support/migrated.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { entry, settlement } from "../../support/settlements.ts";

async function createFixture() {
  await using stack = new AsyncDisposableStack();
  const { database, url } = stack.use(await migratedPostgres());
  const proxy = stack.use(TcpProxy.of(url));
  const own = stack.use(new PostgresDatabase({ url: proxy.through(url), max: 3, timeoutMs: 1000 }));
  await own.start();
  const store = new PostgresResultStore({ database: own });
  const owned = stack.move();
  return { database, proxy, store, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

Deno.test("ResultWriter.settle() stores the valid settlements when one is invalid", async () => {
  await using here = await createFixture();
  await using writer = new ResultWriter(here);
  const good = Array.from({ length: 99 }, () => settlement({ id: v7() }));
  const bad = settlement({ id: v7(), result: "{not json" });
  const all = [...good.slice(0, 40), bad, ...good.slice(40)];
  const results = await Promise.allSettled(all.map((one) => writer.settle(one)));
  assertEquals(results.filter(({ status }) => status === "fulfilled").length, 99);
  const [rejected] = results.filter((result) => result.status === "rejected");
  await assertRejects(() => Promise.reject(rejected?.reason), DatabaseRefused);
  const [stored] = await here.database.query<{ n: number }>(
    "select count(*)::integer as n from celeriac.task where state = 'SUCCESS'",
  );
  assertEquals(stored?.n, 99);
});

Deno.test("ResultWriter.settle() loses nothing and resolves correctly during database outages", async () => {
  await using here = await createFixture();
  await using writer = new ResultWriter({ ...here, size: 20, delayMs: 1 });
  const all = Array.from({ length: 400 }, () => settlement({ id: v7() }));
  const answers: Promise<boolean>[] = [];
  for (const [index, one] of all.entries()) {
    answers.push(writer.settle(one));
    if (index % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 1));
    // Some statements were committed, and their answers lost: asked again, the store knows them.
    if (index % 100 === 99) here.proxy.cut();
  }
  assertEquals(new Set(await Promise.all(answers)), new Set([true]));
  const [stored] = await here.database.query<{ n: number }>(
    "select count(*)::integer as n from celeriac.task where state = 'SUCCESS'",
  );
  assertEquals(stored?.n, 400);
});

Deno.test("ResultWriter.settle() recognizes its own commit after a lost reply", async () => {
  await using here = await createFixture();
  let calls = 0;
  await using writer = new ResultWriter({
    store: {
      async settle(settlements) {
        const taken = await here.store.settle(settlements);
        if (++calls === 1) throw new DatabaseUnavailable("the answer was lost");
        return taken;
      },
    },
  });
  const id = v7();
  const retry = settlement({ id: v7(), state: "RETRY", next: entry(id, { retries: 1 }) });
  assertEquals(await Promise.all([settlement({ id }), retry].map((one) => writer.settle(one))), [
    true,
    true,
  ]);
  assertEquals(calls, 2);
});

Deno.test("ClaimReader.claim() resolves concurrent calls and waits for an unavailable database", async () => {
  await using here = await createFixture();
  await using claims = new ClaimReader({ ...here, node: "worker@test" });
  const done = settlement({ id: v7() });
  await here.store.settle([done]);
  const [known, unknown, again] = await Promise.all([
    claims.claim({ id: done.id, round: 0, redelivered: false }),
    claims.claim({ id: v7(), round: 0, redelivered: false }),
    claims.claim({ id: v7(), round: 0, redelivered: true }),
  ]);
  assertEquals(known?.state, "SUCCESS");
  assertEquals(unknown, undefined);
  assertEquals(again, { state: "PENDING", retries: 0, deliveries: 2 });

  here.proxy.cut();
  here.proxy.swallow();
  const waiting = claims.claim({ id: done.id, round: 0, redelivered: false });
  here.proxy.cut();
  here.proxy.pass();
  assertEquals((await waiting)?.state, "SUCCESS");
});

Deno.test("ResultWriter.settle() writes the final state of a task whose STARTED filled a batch", async () => {
  await using fixture = await migratedPostgres();
  const store = new PostgresResultStore({ database: fixture.database });
  await using writer = new ResultWriter({ store, size: 1, startedMs: 0 });
  await writer.start();
  const id = v7();
  const started = writer.settle(settlement({ id, state: "STARTED", result: null }));
  const finished = writer.settle(settlement({ id, state: "SUCCESS" }));
  assertEquals(await Promise.all([started, finished]), [true, true]);
  assertEquals((await store.find(id))?.state, "SUCCESS");
});
