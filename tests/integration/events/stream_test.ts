/** The stream of events while several transactions record at once. */
import { assertEquals } from "@std/assert";
import { EventTail } from "../../../api/reading/event_tail.ts";
import { EventStore } from "../../../shared/events/event_store.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { newEvent } from "../../support/event_stores.ts";
import { freshMigrated } from "../../support/migrated.ts";

const WRITERS = 8;
const ROUNDS = 40;

Deno.test("EventTail skips no event of concurrent writers, and keeps the order of positions", async () => {
  await using fresh = await freshMigrated();
  await using database = new PostgresDatabase({ url: fresh.url, name: "test" });
  await database.start();
  const store = new EventStore({ database });
  const tail = new EventTail({ store, everyMs: 1 });
  const gone = new AbortController();
  const seen: { id: string; position: number }[] = [];
  const reading = (async () => {
    for await (const page of tail.follow(0, gone.signal)) {
      for (const { event, position } of page) seen.push({ id: event.id, position });
      if (seen.at(-1)!.id === "end") gone.abort();
    }
  })();
  const write = async (writer: number) => {
    for (let round = 0; round < ROUNDS; round++) {
      await database.transaction(async (sql) => {
        const mine = new EventStore({ database: sql });
        const ids = [0, 1, 2].map((index) => `${writer}-${round}-${index}`);
        await mine.record(ids.slice(0, 1).map((id) => newEvent(id)));
        // Keeps its positions invisible for a while, in which others would overtake it without the lock.
        await sql.query("select pg_sleep(random() * 0.003)");
        await mine.record(ids.slice(1).map((id) => newEvent(id)));
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  await store.record([newEvent("end")]);
  await reading;
  assertEquals(new Set(seen.map(({ id }) => id)).size, WRITERS * ROUNDS * 3 + 1);
  const positions = seen.map(({ position }) => position);
  assertEquals(positions, positions.toSorted((a, b) => a - b));
});
