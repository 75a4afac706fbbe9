/** PENDING records that are written after the task has another record. */
import { assertEquals } from "@std/assert";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { newId, timeOf } from "../../../shared/results/uuid_time.ts";
import { migratedPostgres } from "../../support/migrated.ts";
import { settlement, submission } from "../../support/settlements.ts";

Deno.test("submitted() adds what is missing to a record without a name, and keeps its state", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const [revoked, redelivered, settled, absent] = [1, 2, 3, 4].map(() => newId(new Date()));
  await store.revoke(revoked!, "revoked");
  await store.claim([{ id: redelivered!, round: 0, redelivered: true }], "node");
  await store.settle([settlement({ id: settled!, name: "first" })]);
  const ids = [revoked!, redelivered!, settled!, absent!];
  assertEquals((await store.unrecorded(ids)).sort(), [revoked!, redelivered!, absent!].sort());
  assertEquals(await store.submitted(ids.map((id) => submission({ id }))), 1);
  assertEquals(await store.unrecorded(ids), []);
  const records = await Promise.all(ids.map((id) => store.find(id)));
  const { queue, argsRepr, kwargsRepr } = submission();
  assertEquals(
    records.map((record) => [record?.name, record?.state, record?.deliveries]),
    [["add", "REVOKED", 0], ["add", "PENDING", 2], ["first", "SUCCESS", 1], ["add", "PENDING", 0]],
  );
  for (const record of [records[0]!, records[1]!]) {
    assertEquals([record.queue, record.argsRepr, record.kwargsRepr], [queue, argsRepr, kwargsRepr]);
  }
});

Deno.test("a record that only a worker wrote has everything that a PENDING record would have had", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new PostgresResultStore({ database });
  const [both, late] = [newId(new Date()), newId(new Date())];
  await store.submitted([submission({ id: both, submittedAt: timeOf(both)! })]);
  for (const id of [both, late]) await store.settle([settlement({ id })]);
  // After the task settled, as if the API had been slow.
  assertEquals(await store.submitted([submission({ id: late, name: "other" })]), 0);
  const [one, other] = await Promise.all([store.find(both), store.find(late)]);
  const same = { id: "", submittedAt: null, finishedAt: null, updatedAt: null };
  assertEquals({ ...other, ...same }, { ...one, ...same });
  assertEquals(other!.submittedAt, timeOf(late));
});
