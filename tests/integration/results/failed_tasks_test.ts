import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FailedTasks } from "../../../api/retrying/failed_tasks.ts";
import type { Database } from "../../../shared/database/database.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { type Migrated, migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { settlement } from "../../support/settlements.ts";

interface Fixture {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly store: PostgresResultStore;
}

const task = (taskId: string, retries = 2) => ({
  task: "add",
  args: [1],
  kwargs: { y: 2n ** 60n },
  options: { taskId, queue: "celeriac.default", retries, stamps: { order: "7" } },
});

const stored = ({ database }: Fixture) =>
  database.query<{ task_id: string; retries: number; id: string; body: string }>(
    `select task_id, retries, headers ->> 'id' as id, convert_from(body, 'UTF8') as body
     from celeriac.outbox order by task_id`,
  );

const failure = (id: string) => settlement({ id, state: "FAILURE", worker: "w", retries: 2 });

const CASES: Record<string, (fixture: Fixture) => Promise<void>> = {
  async "send() reopens failed tasks and stores their messages in one transaction"(fixture) {
    const { database, outbox, store } = fixture;
    let added = 0;
    const tasks = new FailedTasks({
      database,
      outbox,
      store,
      origin: "gen1@test",
      added: () => added++,
    });
    await store.settle([failure("failed"), settlement({ id: "done" })]);
    await database.query(
      "insert into celeriac.crash (task_id, retries, runs) values ('failed', 2, 3)",
    );
    const sent = await tasks.send([task("failed"), task("done"), task("unknown")]);
    assertEquals([...sent], ["failed"]);
    const [found, ...others] = await stored(fixture);
    assertEquals(others, []);
    const { body, ...row } = found!;
    assertEquals(row, { task_id: "failed", retries: 2, id: "failed" });
    assertStringIncludes(body.replaceAll(" ", ""), '[[1],{"y":1152921504606846976}');
    const record = await store.find("failed");
    assertEquals([record?.state, record?.retries], ["PENDING", 2]);
    assertEquals((await store.find("done"))?.state, "SUCCESS");
    assertEquals(await database.query("select task_id from celeriac.crash"), []);
    assertEquals(added, 1);
  },

  async "send() sends a task once, however often it is called"(fixture) {
    const { database, outbox, store } = fixture;
    const tasks = new FailedTasks({ database, outbox, store, origin: "gen1@test" });
    await store.settle([failure("failed")]);
    const all = await Promise.all([1, 2, 3].map(() => tasks.send([task("failed")])));
    assertEquals(all.map(({ size }) => size).sort(), [0, 0, 1]);
    assertEquals((await stored(fixture)).length, 1);
    // Not after the relay has taken the message either.
    await database.query("delete from celeriac.outbox");
    assertEquals((await tasks.send([task("failed")])).size, 0);
  },

  async "send() changes nothing if the outbox cannot store the messages"(fixture) {
    const { database, store } = fixture;
    const broken = { addFresh: () => Promise.reject(new Error("the server went away")) };
    const tasks = new FailedTasks({ database, outbox: broken, store, origin: "gen1@test" });
    await store.settle([failure("failed")]);
    await assertRejects(() => tasks.send([task("failed")]), Error, "went away");
    assertEquals((await store.find("failed"))?.state, "FAILURE");
  },
};

for (
  const [name, open] of [
    ["Postgres", () => migratedPostgres()],
    ["PGlite", () => migratedPglite()],
  ] as [string, () => Promise<Migrated<Database>>][]
) {
  Deno.test(`FailedTasks on ${name}`, async (test) => {
    await using fixture = await open();
    const { database } = fixture;
    const outbox = new Outbox({ database });
    const store = new PostgresResultStore({ database });
    for (const [title, run] of Object.entries(CASES)) {
      await test.step(title, async () => {
        await database.script("truncate celeriac.outbox, celeriac.task, celeriac.crash");
        await run({ database, outbox, store });
      });
    }
  });
}
