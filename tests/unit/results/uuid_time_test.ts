import { assertEquals, assertMatch } from "@std/assert";
import { newId, timeOf } from "../../../shared/results/uuid_time.ts";

Deno.test("newId() returns distinct UUIDv7 of the given time, over several batches of random bytes", () => {
  const now = new Date("2030-01-02T03:04:05.678Z");
  const ids = Array.from({ length: 2000 }, () => newId(now));
  assertEquals(new Set(ids).size, 2000);
  // The random part differs in full, not only in a counter.
  assertEquals(new Set(ids.map((id) => id.slice(24))).size, 2000);
  for (const id of ids) {
    assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assertEquals(timeOf(id), now);
  }
});
