/** Our final states when Python workers receive a revoke: 5.7 keeps them, 5.6.3 overwrites them, and our API never sends such a revoke. */
import { assertEquals } from "@std/assert";
import { v4 } from "uuid";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { resultStore } from "../../../shared/results/open_store.ts";
import type { StackName } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import { startApi } from "../../support/roles.ts";
import { settlement } from "../../support/settlements.ts";
import { freshShop } from "../../support/shop.ts";

/** The state of our SUCCESS row after a revoke of its id. */
const REVOKED_TO: readonly [StackName, string][] = [["c56", "REVOKED"], ["c57", "SUCCESS"]];

for (const [name, state] of REVOKED_TO) {
  Deno.test(`a revoke of a finished id results in ${state} with a worker of ${name}`, async () => {
    await using shop = await freshShop(name);
    await using worker = await shop.pythonWorker("--without-mingle", "--without-gossip");
    await using database = new PostgresDatabase({ url: shop.pipeline.database.url });
    await database.start();
    const store = resultStore("django", database);
    const { api, url } = await startApi({ env: shop.env });
    await using _api = api;
    const [done, waiting] = [v4(), v4()];
    await store.settle([settlement({ id: done })]);

    const refused = await fetch(`${url}/v1/tasks/${done}`, { method: "DELETE" });
    await refused.body?.cancel();
    assertEquals(refused.status, 409);
    assertEquals((await store.find(done))?.state, "SUCCESS");

    // The worker has received this one once it has received the next one.
    const revoke = new URL("revoke.py", import.meta.url);
    await shop.script(revoke, [done, waiting]);
    await eventually("the worker writes REVOKED for an id without a row", async () => {
      return (await store.find(waiting))?.state === "REVOKED";
    });
    assertEquals((await store.find(done))?.state, state);
    assertEquals(worker.running, true);
  });
}
