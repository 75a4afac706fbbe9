import { assertEquals } from "@std/assert";
import type { Database } from "../../../shared/database/database.ts";
import { type Fence, HELD, Lease } from "../../../beat/lease.ts";
import { eventually } from "../../support/eventually.ts";
import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";

async function held(database: Database, fence: Fence): Promise<boolean> {
  return (await database.query(HELD, [fence.name, fence.holder, fence.epoch])).length > 0;
}

for (
  const [kind, migrated] of [["Postgres", migratedPostgres], ["PGlite", migratedPglite]] as const
) {
  Deno.test(`Lease has one holder at a time, on ${kind}`, async () => {
    await using fixture = await migrated();
    const { database } = fixture;
    const lease = (holder: string, seconds = 60) =>
      new Lease({ database, name: "test", holder, seconds });
    const first = await lease("a").hold();
    assertEquals(first, { name: "test", holder: "a", epoch: "1" });
    assertEquals(await lease("b").hold(), undefined);
    assertEquals(await lease("a").hold(), first);
    assertEquals(await held(database, first!), true);

    const other = new Lease({ database, name: "other", holder: "b", seconds: 60 });
    assertEquals((await other.hold())?.epoch, "1");

    await lease("b").release();
    assertEquals(await lease("b").hold(), undefined, "what is not ours is not released");
    await lease("a").release();
    const second = await lease("b").hold();
    assertEquals(second, { name: "test", holder: "b", epoch: "2" });
    assertEquals(await held(database, first!), false);
    assertEquals(await held(database, second!), true);
  });
}

Deno.test("Lease moves to another process when its holder stops renewing, which invalidates the old one", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const silent = await new Lease({ database, name: "test", holder: "a", seconds: 1 }).hold();
  const next = new Lease({ database, name: "test", holder: "b", seconds: 60 });
  const taken = await eventually("the take-over", () => next.hold());
  assertEquals(taken.epoch, "2");
  assertEquals(await held(database, silent!), false);
  assertEquals(
    await new Lease({ database, name: "test", holder: "a", seconds: 1 }).hold(),
    undefined,
  );
});

Deno.test("Lease has one winner under concurrent requests", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const fences = await Promise.all(
    Array.from(
      { length: 20 },
      (_, index) => new Lease({ database, name: "test", holder: `h${index}`, seconds: 60 }).hold(),
    ),
  );
  assertEquals(fences.filter((fence) => fence !== undefined).length, 1);
});
