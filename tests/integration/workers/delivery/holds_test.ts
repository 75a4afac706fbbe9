import { assert, assertEquals } from "@std/assert";
import { v7 } from "uuid";
import { PostgresResultStore } from "../../../../shared/results/postgres.ts";
import { HeldDelivery } from "../../../../workers/delivery/held_delivery.ts";
import { Holds } from "../../../../workers/delivery/holds.ts";
import { WorkerLease } from "../../../../workers/worker_lease.ts";
import { eventually } from "../../../support/eventually.ts";
import { migratedPostgres } from "../../../support/migrated.ts";
import { message, settlement } from "../../../support/settlements.ts";

const node = "worker@test";

function delivery(channel: AbortController): HeldDelivery {
  return new HeldDelivery({
    message: message(),
    redelivered: false,
    get open() {
      return !channel.signal.aborted;
    },
    gone: channel.signal,
    ack() {},
    nack() {},
  });
}

const round = (retries: number, replacedTaskNesting = 0) => ({ retries, replacedTaskNesting });

async function createFixture() {
  await using stack = new AsyncDisposableStack();
  const { database } = stack.use(await migratedPostgres());
  const store = new PostgresResultStore({ database });
  const holds = stack.use(new Holds({ database, node }));
  const owned = stack.move();
  return {
    database,
    store,
    holds,
    claim: (id: string) => store.claim([{ id, round: 0, redelivered: false }], node),
    held: async () => {
      const rows = await database.query<{ id: string }>(
        "select task_id as id from celeriac.holder order by 1",
      );
      return rows.map(({ id }) => id);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("take() refuses a second message of a task in flight, and takes the next attempt's", async () => {
  await using here = await createFixture();
  const { holds } = here;
  const channel = new AbortController();
  const [first, second, next, late] = [1, 2, 3, 4].map(() => delivery(channel)) as HeldDelivery[];
  assert(holds.take(first!, { id: "a", ...round(0) }));
  assert(!holds.take(second!, { id: "a", ...round(0) }));
  assert(holds.take(second!, { id: "b", ...round(0) }));
  assert(holds.take(next!, { id: "a", ...round(1) }));
  assert(!holds.take(late!, { id: "a", ...round(0) }));
  holds.release(first!);
  assert(!holds.take(late!, { id: "a", ...round(1) }), "the next attempt still runs");
  holds.release(next!);
  assert(holds.take(late!, { id: "a", ...round(1) }));
});

Deno.test("take() takes the message that replaces a task in flight", async () => {
  await using here = await createFixture();
  const { holds } = here;
  const [first, second, third] = [1, 2, 3].map(() => delivery(new AbortController()));
  assert(holds.take(first!, { id: "a", ...round(3) }));
  assert(holds.take(second!, { id: "a", ...round(0, 1) }));
  assert(!holds.take(third!, { id: "a", ...round(4) }), "the task was replaced");
});

Deno.test("take() takes a redelivery of a task that had not started, not of one that runs", async () => {
  await using here = await createFixture();
  const { holds } = here;
  const channel = new AbortController();
  const [waiting, runs, again] = [1, 2, 3].map(() => delivery(channel)) as HeldDelivery[];
  holds.take(waiting!, { id: "waiting", ...round(0) });
  holds.take(runs!, { id: "runs", ...round(0) });
  holds.running(runs!);
  await here.claim("waiting");
  await here.claim("runs");
  channel.abort();
  await eventually("other workers can have it", async () => (await here.held()).length === 1);
  assertEquals(await here.held(), ["runs"]);
  const fresh = new AbortController();
  assert(holds.take(delivery(fresh), { id: "waiting", ...round(0) }));
  assert(!holds.take(again!, { id: "runs", ...round(0) }));
});

Deno.test("free() resolves when other workers may hold the task", async () => {
  await using here = await createFixture();
  const given = delivery(new AbortController());
  here.holds.take(given, { id: "a", ...round(0) });
  await here.claim("a");
  assertEquals(await here.held(), ["a"]);
  await here.holds.free(given);
  assertEquals(await here.held(), []);
});

Deno.test("a lease holds its tasks again when the server has forgotten them, and lets go of strays", async () => {
  await using here = await createFixture();
  const { holds, database } = here;
  holds.take(delivery(new AbortController()), { id: "a", ...round(0) });
  await here.claim("a");
  await here.claim("stray");
  {
    await using lease = new WorkerLease({ database, node, holds, seconds: 0.2 });
    await lease.start();
    await eventually("the stray goes", async () => (await here.held()).length === 1);
    // As after a crash of the server.
    await database.query("truncate celeriac.worker, celeriac.holder");
    await eventually("it is held again", async () => (await here.held()).length === 1);
    assertEquals(await here.held(), ["a"]);
  }
  assertEquals(await here.held(), []);
  assertEquals(await database.query("select node from celeriac.worker"), []);
});

Deno.test("claim() reads the record that is committed while it waits for the holder's row", async () => {
  await using here = await createFixture();
  const done = settlement({ id: v7() });
  await here.claim(done.id);
  const claimed = await here.database.transaction(async (sql) => {
    await new PostgresResultStore({ database: sql }).settle([done]);
    await sql.query("delete from celeriac.holder where task_id = $1", [done.id]);
    const claiming = here.store.claim([{ id: done.id, round: 0, redelivered: false }], "b@test");
    await eventually("the claim waits for the row", async () => {
      const [row] = await sql.query<{ waits: boolean }>(
        "select exists (select from pg_locks where not granted) as waits",
      );
      return row?.waits;
    });
    return { claiming };
  });
  assertEquals(await claimed.claiming, [{ state: "SUCCESS", retries: 0, deliveries: 1 }]);
});
