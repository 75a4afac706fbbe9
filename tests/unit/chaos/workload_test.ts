import { assert, assertEquals } from "@std/assert";
import { PERIOD, submissionOf } from "../../chaos/workload.ts";

Deno.test("submissionOf() lists every expected task once", () => {
  let count = 0;
  const submissions = Array.from(
    { length: PERIOD },
    (_, number) => submissionOf(number, () => `id-${count++}.`, 0),
  );
  const tasks = submissions.flatMap((submission) => submission.tasks);
  assertEquals(tasks.length, 33);
  assertEquals(new Set(tasks.map(({ id }) => id)).size, 33);
  assertEquals(count, 33);
  for (const { body, tasks } of submissions) {
    const named = JSON.stringify(body).match(/id-\d+\./g)!;
    assertEquals(named.toSorted(), tasks.map(({ id }) => id).toSorted());
  }
  for (const kind of ["chain", "chord", "group", "chaos.silent", "chaos.flaky", "countdown"]) {
    assert(submissions.some(({ body, path }) => `${JSON.stringify(body)} ${path}`.includes(kind)));
  }
});

Deno.test("submissionOf() makes every fourth submission an event, with two tasks of their own", () => {
  const submissions = Array.from(
    { length: PERIOD },
    (_, number) => submissionOf(number, () => `id-${number}`, 1_900_000_000_000, true),
  );
  const events = submissions.filter(({ path }) => path === "/v1/events");
  assertEquals(events.length, PERIOD / 4);
  const ids = events.flatMap(({ tasks }) => tasks.map(({ id }) => id));
  assertEquals(new Set(ids).size, PERIOD / 2);
});
