/** The function that holds tasks for a worker, on an embedded database. */
import { assert, assertEquals } from "@std/assert";
import { migratedPglite } from "../../../support/migrated.ts";

Deno.test("celeriac.hold() holds new tasks, and reports those of another live worker", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  const hold = async (node: string, rounds: Record<string, number>) => {
    const rows = await database.query<{ id: string; seconds: number }>(
      "select id, seconds from celeriac.hold($1, $2::text[], $3::integer[])",
      [node, Object.keys(rounds), Object.values(rounds)],
    );
    for (const { seconds } of rows) assert(seconds > 0 && seconds <= 10);
    return rows.map(({ id }) => id).toSorted();
  };
  const held = async () => {
    const rows = await database.query<{ task: string }>(
      "select task_id || ' ' || round || ' ' || node as task from celeriac.holder order by task_id",
    );
    return rows.map(({ task }) => task);
  };
  for (const node of ["one", "two"]) {
    await database.query("select celeriac.renew_worker($1, 10)", [node]);
  }
  assertEquals(await hold("one", { b: 0, a: 0 }), []);
  assertEquals(await hold("one", { a: 0, c: 0 }), [], "its own tasks");
  assertEquals(await hold("two", { d: 0, b: 0, e: 0 }), ["b"]);
  assertEquals(await hold("two", { c: 1 }), [], "a later round");
  assertEquals(await hold("two", { c: 0, b: 0 }), ["b"]);
  assertEquals(await held(), ["a 0 one", "b 0 one", "c 1 two", "d 0 two", "e 0 two"]);
  // An id that is too long for an index is not held.
  assertEquals(await hold("two", { ["x".repeat(2001)]: 0, f: 0 }), []);
  await database.query("delete from celeriac.worker where node = 'one'");
  assertEquals(await hold("two", { a: 0, g: 0 }), [], "a dead worker's");
  assertEquals(await held(), [
    ...["a 0 two", "b 0 one", "c 1 two"],
    ...["d 0 two", "e 0 two", "f 0 two", "g 0 two"],
  ]);
});
