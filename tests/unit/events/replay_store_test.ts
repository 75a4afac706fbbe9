import { assertEquals } from "@std/assert";
import type { Sql } from "../../../shared/database/database.ts";
import { ReplayStore } from "../../../shared/events/replay_store.ts";

Deno.test("ReplayStore.add() includes events that are being recorded", async () => {
  let last = 6;
  const database: Pick<Sql, "query"> = {
    query: <Row extends object>(statement: string) => {
      // As in Postgres: the lock is free once the transaction that records an event has committed.
      if (statement.includes("lock_events")) last = 7;
      const row = { id: "a", last_position: last, created_at: new Date(), ended_at: null };
      return Promise.resolve([row] as unknown as Row[]);
    },
  };
  const replays = new ReplayStore({ database: database as Sql });
  const replay = await replays.add({
    id: "a",
    subscription: "receipt",
    since: null,
    until: null,
    types: [],
    rate: 1,
    again: false,
  });
  assertEquals(replay?.lastPosition, 7);
});
