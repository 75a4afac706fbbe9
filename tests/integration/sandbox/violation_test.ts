import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as app from "../../app/handlers.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

Deno.test("a violation is in the task's record and in a metric, and other tasks continue", async () => {
  await using fixture = await startWorkerFixture([
    app.hoardHandler,
    app.corruptHandler,
    app.echoProcessHandler,
  ], {
    heapMb: "64",
  });
  const cases = [["test.hoard", "memory"], ["test.corrupt", "channel"]] as const;
  for (const [name, violation] of cases) {
    const record = await fixture.final(await fixture.submit(name, {}));
    assertEquals([record.state, record.exception?.exc_type], ["FAILURE", "PolicyViolation"]);
    assertEquals(record.meta?.violations?.map((found) => found.violation), [violation]);
    assertStringIncludes(
      String(record.exception?.exc_message[0]),
      record.meta!.violations![0]!.what,
    );
    const next = await fixture.final(await fixture.submit("test.echo_process", { value: name }));
    assertEquals([next.state, next.meta], ["SUCCESS", null]);
  }
  const metrics = await (await fixture.worker.health().request("/metrics")).text();
  for (const [task, violation] of cases) {
    const sample = `celeriac_policy_violations_total{task="${task}",violation="${violation}"} 1`;
    assert(metrics.includes(sample), metrics);
  }
  for (const name of ["spawn_seconds_count", "children_ended_total", "resident_memory_bytes"]) {
    assertStringIncludes(metrics, `celeriac_sandbox_${name}`);
  }
});
