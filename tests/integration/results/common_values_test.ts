/** Batches whose settlements share their name, queue or worker, on an embedded database. */
import { assertEquals } from "@std/assert";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { commonValues, toRow } from "../../../shared/results/row.ts";
import { migratedPglite } from "../../support/migrated.ts";
import { settlement } from "../../support/settlements.ts";

Deno.test("toRow() leaves out what the first settlement has, and nulls", () => {
  const [first, other] = [settlement(), settlement({ name: "b", queue: "q", worker: "w" })];
  const common = commonValues([first, other]);
  const keys = (row: object) => Object.keys(JSON.parse(JSON.stringify(row)));
  const own = ["id", "state", "args_repr", "kwargs_repr", "result"];
  assertEquals(keys(toRow(first, common)).toSorted(), own.toSorted());
  const row = toRow(other, common);
  assertEquals([row.name, row.queue, row.worker], ["b", "q", "w"]);
});

Deno.test("settle() stores name, queue and worker of each settlement of a batch", async () => {
  await using fixture = await migratedPglite();
  const store = new PostgresResultStore({ database: fixture.database });
  const batches = [
    [{}, {}, { name: "b" }, { queue: "q" }, { worker: "w" }],
    [{}, { queue: null }, { queue: "q" }],
    [{ queue: null }, {}],
    [{ state: "RETRY", retries: 1 }, { state: "FAILURE", retries: 3 }, { argsRepr: null }],
  ] as const;
  for (const batch of batches) {
    const settlements = batch.map((given) => settlement(given));
    assertEquals(await store.settle(settlements), settlements.map(() => true));
    for (const { id, name, queue, worker, argsRepr, retries, state } of settlements) {
      const found = await store.find(id);
      assertEquals(
        [found?.name, found?.queue, found?.worker, found?.argsRepr, found?.retries, found?.state],
        [name, queue, worker, argsRepr, retries, state],
      );
    }
  }
});
