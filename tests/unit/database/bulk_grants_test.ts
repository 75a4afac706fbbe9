/** What the role of the API may do with bulk jobs and failed tasks. */
import { assertEquals, assertRejects } from "@std/assert";
import { v7 } from "uuid";
import { ROOT } from "../../../api/access/caller.ts";
import { BulkStore } from "../../../api/bulk/bulk_store.ts";
import { FailedTasks } from "../../../api/retrying/failed_tasks.ts";
import { migrate } from "../../../shared/database/migrate.ts";
import { PgliteDatabase } from "../../../shared/database/pglite.ts";
import { DatabaseRefused } from "../../../shared/errors.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { settlement } from "../../support/settlements.ts";

Deno.test("celeriac_api runs bulk jobs and retries failed tasks, but changes no job's filter or rights", async () => {
  await using database = new PgliteDatabase();
  await database.start();
  await database.script("create role celeriac_api; create role celeriac_worker");
  await migrate(database);
  const results = new PostgresResultStore({ database });
  await results.settle([settlement({ id: "failed", state: "FAILURE" })]);
  const refused = async (statement: string) => {
    const run = () => database.query(statement);
    assertEquals((await assertRejects(run, DatabaseRefused)).code, "42501");
  };

  await database.query("set role celeriac_api");
  const jobs = new BulkStore({ database });
  const job = await jobs.add({
    id: v7(),
    action: "retry",
    terminate: false,
    filter: {},
    frozenAt: new Date(),
    matched: 1,
    caller: ROOT,
  });
  assertEquals((await jobs.claim(0))?.id, job.id);
  await jobs.postpone(job.id, 0);
  await jobs.advance(job, { next: "1", done: 1, refusals: [] });
  assertEquals((await jobs.stop(job.id, "enough"))?.done, 1);
  for (const column of ["rights = '{}'", "filter = '{}'", "caller = 'root'", "action = 'revoke'"]) {
    await refused(`update celeriac.bulk_job set ${column}`);
  }

  const outbox = new Outbox({ database });
  const tasks = new FailedTasks({ database, outbox, store: results, origin: "gen1@test" });
  const sent = await tasks.send([
    { task: "add", args: [], kwargs: {}, options: { taskId: "failed", queue: "q", retries: 0 } },
  ]);
  assertEquals([...sent], ["failed"]);

  await database.query("set role celeriac_worker");
  await refused("select * from celeriac.bulk_job");
});
