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
