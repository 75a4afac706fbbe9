import { assertEquals } from "@std/assert";
import { deadLetter } from "../../../shared/broker/memory/dead_letter.ts";
import { message } from "../../support/broker_helpers.ts";

Deno.test("deadLetter() counts deaths by queue and reason, latest first", () => {
  const at = new Date(1000);
  const first = deadLetter(message("x", "k"), { to: "dlx", queue: "a", reason: "rejected", at });
  const second = deadLetter({ ...first, exchange: "y" }, {
    to: "dlx",
    queue: "b",
    reason: "expired",
    at,
  });
  const third = deadLetter(second, { to: "dlx", queue: "a", reason: "rejected", at });
  const deaths = third.headers["x-death"] as Record<string, unknown>[];
  assertEquals(deaths.map(({ queue, reason, count }) => [queue, reason, count]), [
    ["a", "rejected", 2],
    ["b", "expired", 1],
  ]);
  assertEquals(third.headers["x-first-death-queue"], "a");
  assertEquals(third.headers["x-first-death-exchange"], "x");
});

Deno.test("deadLetter() moves the expiration to x-death and resets the delivery count", () => {
  const expiring = {
    ...message("", "q"),
    properties: { expiration: "5", type: "t" },
    headers: { "x-delivery-count": 2 },
  };
  const dead = deadLetter(expiring, { to: "dlx", queue: "q", reason: "expired", at: new Date(0) });
  assertEquals(dead.properties, { type: "t" });
  assertEquals("x-delivery-count" in dead.headers, false);
  const [death] = dead.headers["x-death"] as Record<string, unknown>[];
  assertEquals(death?.["original-expiration"], "5");
});
