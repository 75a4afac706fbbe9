import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { NativeSchedules } from "../../../beat/native_schedules.ts";
import { tickId } from "../../../beat/tick.ts";
import type { Database } from "../../../shared/database/database.ts";
import { type Fence, Lease } from "../../../beat/lease.ts";
import { defineTask, schedule, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { ScheduleStore } from "../../../shared/schedules/store.ts";
import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { age, newSchedule, waiting } from "../../support/schedules.ts";

const add = defineTask({ name: "add", input: z.object({ x: z.number(), y: z.number() }) });
const registry = new Registry([add]);

function source(database: Database): NativeSchedules {
  return new NativeSchedules({ database, registry, origin: "gen1@test" });
}

async function lead(database: Database, holder = "a"): Promise<Fence> {
  const fence = await new Lease({ database, name: "scheduler", holder, seconds: 600 }).hold();
  if (!fence) throw new Error(`${holder} does not lead`);
  return fence;
}

for (
  const [kind, migrated] of [["Postgres", migratedPostgres], ["PGlite", migratedPglite]] as const
) {
  Deno.test(`NativeSchedules returns the next tick, sends it when it is due, and advances, on ${kind}`, async () => {
    await using fixture = await migrated();
    const { database } = fixture;
    const store = new ScheduleStore({ database });
    const fence = await lead(database);
    await store.add(newSchedule({ name: "often" }));
    await source(database).tick(fence);
    const told = await store.find("often");
    assertEquals(told?.nextAt, new Date(told!.anchorAt.getTime() + 3_600_000));
    assertEquals(await waiting(database), []);
    const { sent, restMs } = await source(database).tick(fence);
    assertEquals(sent, []);
    assertEquals(restMs > 3_000_000 && restMs <= 3_600_000, true, String(restMs));

    await age(database, 3601);
    const due = (await store.find("often"))!.anchorAt.getTime() + 3_600_000;
    const round = await source(database).tick(fence);
    assertEquals(round.sent.map(({ dueAt }) => dueAt.getTime()), [due]);
    const [message] = await waiting(database);
    assertEquals(message?.id, tickId("often", new Date(due)));
    assertEquals(message?.kwargs, { x: 1, y: 2 });
    const moved = await store.find("often");
    assertEquals(moved?.lastAt?.getTime(), due);
    assertEquals(moved?.lastId, message?.id);
    assertEquals(moved?.nextAt?.getTime(), due + 3_600_000);
    assertEquals(moved?.ticks, 1);
  });
}

Deno.test("NativeSchedules sends a tick once under concurrent polls", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new ScheduleStore({ database });
  for (let index = 0; index < 30; index++) await store.add(newSchedule({ name: `s${index}` }));
  await age(database, 3601);
  const fence = await lead(database);
  // The lease lets them all through: only the rows themselves keep them apart.
  const rounds = await Promise.all(Array.from({ length: 8 }, () => source(database).tick(fence)));
  assertEquals(rounds.flatMap(({ sent }) => sent).length, 30);
  assertEquals((await waiting(database)).length, 30);
  assertEquals((await store.list({ limit: 100 })).map(({ ticks }) => ticks), Array(30).fill(1));
});

Deno.test("NativeSchedules sends nothing for a leader that lost its lease", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await new ScheduleStore({ database }).add(newSchedule({ name: "often" }));
  await age(database, 3601);
  const stale = await lead(database, "a");
  await new Lease({ database, name: "scheduler", holder: "a", seconds: 1 }).release();
  const fresh = await lead(database, "b");
  assertEquals((await source(database).tick(stale)).sent, []);
  assertEquals(await waiting(database), []);
  assertEquals((await source(database).tick(fresh)).sent.length, 1);
});

Deno.test("NativeSchedules skips a schedule that changed after it was read", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new ScheduleStore({ database });
  await store.add(newSchedule({ name: "often" }));
  await age(database, 3601);
  const fence = await lead(database);
  const meddling: Database = Object.assign(Object.create(database), {
    async query(statement: string, parameters?: readonly []) {
      if (statement.includes("with held")) await store.pause("often", true);
      return await database.query(statement, parameters);
    },
  });
  assertEquals((await source(meddling).tick(fence)).sent, []);
  assertEquals(await waiting(database), []);
});

Deno.test("NativeSchedules applies each schedule's catch-up policy after a long outage", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new ScheduleStore({ database });
  for (const missed of ["skip", "once", "all"] as const) {
    await store.add(newSchedule({ name: missed, every: 600, missed }));
  }
  await age(database, 3 * 600 + 300);
  await source(database).tick(await lead(database));
  const ticks = (await store.list({ limit: 9 })).map(({ name, ticks }) => [name, ticks]);
  assertEquals(Object.fromEntries(ticks), { all: 3, once: 1, skip: 0 });
  const messages = await waiting(database);
  assertEquals(new Set(messages.map(({ id }) => id)).size, 4);
});

Deno.test("NativeSchedules reports why a schedule cannot tick, suspends it, and continues with the others", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new ScheduleStore({ database });
  const signature = { task: "ad", args: [], kwargs: {}, options: {} };
  await store.add(newSchedule({ name: "astray", signature }));
  await store.add(newSchedule({ name: "fine" }));
  await store.add(newSchedule({ name: "broken", cron: "0 0 * * *" }));
  await database.query("update celeriac.schedule set timezone = 'Mars/Base' where name = 'broken'");
  await age(database, 3601);
  const fence = await lead(database);
  const { sent } = await source(database).tick(fence);
  assertEquals(sent.map(({ schedule }) => schedule), ["fine"]);
  assertStringIncludes((await store.find("astray"))?.problem ?? "", "did you mean 'add'?");
  assertStringIncludes((await store.find("broken"))?.problem ?? "", "Mars/Base");
  assertEquals((await source(database).tick(fence)).sent, []);
});

Deno.test("ScheduleStore.sync() creates, updates and deletes schedules of code, and keeps pauses and next ticks", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new ScheduleStore({ database });
  const define = (name: string, cron: string, x = 1) =>
    schedule({ name, task: add, cron, kwargs: { x, y: 2 } });
  await store.add(newSchedule({ name: "mine" }));
  const first = await store.sync([
    define("a", "0 1 * * *"),
    define("b", "0 2 * * *"),
    define("mine", "0 3 * * *"),
  ]);
  assertEquals(first, { taken: ["mine"], gone: [] });
  await age(database, 50);
  await source(database).tick(await lead(database));
  const before = await store.find("a");
  await store.pause("a", true);

  assertEquals(await store.sync([define("a", "0 1 * * *", 5), define("c", "0 4 * * *")]), {
    taken: [],
    gone: ["b"],
  });
  const a = await store.find("a");
  assertEquals([a?.paused, a?.source, a?.nextAt], [true, "code", before?.nextAt]);
  assertEquals(a?.signature.kwargs, { x: 5, y: 2 });
  assertEquals((await store.list({ limit: 9 })).map(({ name }) => name), ["a", "c", "mine"]);

  await store.sync([define("a", "30 1 * * *", 5)]);
  const changed = await store.find("a");
  assertEquals([changed?.cron, changed?.nextAt, changed?.paused], ["30 1 * * *", null, true]);
  assertEquals(changed!.afterAt > a!.afterAt, true);
});

Deno.test("ScheduleStore.pause() skips the ticks missed during a pause", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = new ScheduleStore({ database });
  await store.add(newSchedule({ name: "often", missed: "all", cron: "* * * * *" }));
  await store.pause("often", true);
  await age(database, 600);
  const fence = await lead(database);
  assertEquals((await source(database).tick(fence)).sent, []);
  const resumed = (await store.pause("often", false))!.afterAt;
  const { sent } = await source(database).tick(fence);
  assertEquals(sent.filter(({ dueAt }) => dueAt < resumed), []);
  assertMatch(String((await store.find("often"))?.nextAt?.toISOString()), /:00\.000Z$/);
  assertEquals(await store.pause("none", true), undefined);
});
