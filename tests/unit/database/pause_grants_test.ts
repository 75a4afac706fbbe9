/** What the roles may do with pauses. */
import { assertEquals, assertRejects } from "@std/assert";
import { migrate } from "../../../shared/database/migrate.ts";
import { PgliteDatabase } from "../../../shared/database/pglite.ts";
import { DatabaseRefused } from "../../../shared/errors.ts";
import { PauseStore } from "../../../shared/flow/pause_store.ts";
import type { PauseKey } from "../../../shared/flow/pause.ts";
import { message } from "../../support/settlements.ts";

const TASK: PauseKey = { scope: "task", name: "add" };

Deno.test("celeriac_api pauses and resumes, celeriac_worker reads pauses and parks messages", async () => {
  await using database = new PgliteDatabase();
  await database.start();
  await database.script("create role celeriac_api; create role celeriac_worker");
  await migrate(database);
  const store = new PauseStore({ database });
  const refused = async (run: () => Promise<unknown>) => {
    assertEquals((await assertRejects(run, DatabaseRefused)).code, "42501");
  };

  await database.query("set role celeriac_api");
  await store.pause(TASK, { reason: null, by: "root" });
  await refused(() => store.park([{ taskId: "1", retries: 0, message: message(), pause: TASK }]));

  await database.query("set role celeriac_worker");
  assertEquals((await store.inForce()).pauses.length, 1);
  await store.park([{ taskId: "1", retries: 0, message: message(), pause: TASK }]);
  await refused(() => store.pause(TASK, { reason: null, by: "worker" }));
  await refused(() => store.resume(TASK, { rate: null }));
  await refused(() => store.release(1));

  await database.query("set role celeriac_api");
  assertEquals((await store.list())[0]?.parked, 1);
  await store.resume(TASK, { rate: null });
  assertEquals(await store.release(10), 1);
  assertEquals(await store.list(), []);
});
