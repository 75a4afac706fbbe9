import { assert, assertEquals } from "@std/assert";
import type { Headers, Message } from "../../../../shared/broker/message.ts";
import { retryMessage } from "../../../../shared/celery/message.ts";
import { deadLetterHeaders, readLetter, resent } from "../../../../shared/dead_letters/letter.ts";
import { unknownTask } from "../../../../workers/delivery/unknown_task.ts";

const HEADER = "celeriac-unknown-since";
const start = new Date("2026-01-01T00:00:00Z");

for (const random of [0, 0.999]) {
  Deno.test(`unknownTask() offers a message 30 to 80 times in 600 s, then no more (random ${random})`, () => {
    let headers: Headers = {};
    let now = start;
    let meetings = 0;
    while (true) {
      const outcome = unknownTask("crop", headers, { wait: 600, now, random });
      if (outcome.kind !== "defer" || outcome.why !== "unknown") {
        assertEquals(outcome.kind, "reject");
        break;
      }
      meetings++;
      assert(outcome.until.getTime() - now.getTime() >= 700 || meetings > 20);
      headers = { [HEADER]: outcome.since.toISOString() };
      now = outcome.until;
    }
    assertEquals(now.getTime() - start.getTime(), 600_000);
    assert(meetings >= 30 && meetings <= 80, `${meetings} meetings`);
  });
}

Deno.test("unknownTask() treats a future or missing time as now", () => {
  for (const given of ["2026-01-02T00:00:00Z", "soon", 7]) {
    const outcome = unknownTask("crop", { [HEADER]: given }, { wait: 600, now: start });
    assertEquals(outcome.kind === "defer" && outcome.why === "unknown" && outcome.since, start);
  }
});

Deno.test("a retried or redriven message no longer counts as unknown", () => {
  const message: Message = {
    exchange: "celeriac",
    routingKey: "celeriac.default",
    properties: {},
    headers: { task: "crop", id: "a", retries: 0, [HEADER]: start.toISOString() },
    body: new TextEncoder().encode("[[], {}, {}]"),
  };
  assertEquals(retryMessage(message, { retries: 1, now: start }).headers[HEADER], undefined);
  const grounds = {
    reason: "unknown-task",
    detail: null,
    queue: "celeriac.default",
    worker: "w",
    diedAt: start,
  };
  const letter = { ...message, headers: { ...message.headers, ...deadLetterHeaders(grounds) } };
  assertEquals(resent(readLetter(letter)).headers[HEADER], undefined);
});
