import { assertEquals, assertStringIncludes } from "@std/assert";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/mod.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

const large = defineTask({
  name: "large",
  input: z.object({ length: z.number() }),
  output: z.string(),
  retry: { maxAttempts: 5, base: 0.01 },
});
const completed = defineTask({
  name: "completed",
  input: z.object({ length: z.number() }),
  output: z.string(),
  retry: { maxAttempts: 5, base: 0.01 },
});

Deno.test("Worker fails a task with a too large result, once, with a remedy", async () => {
  let runs = 0;
  const handlers = [
    handle(large, ({ length }, { progress }) => {
      runs++;
      progress("p".repeat(length));
      return "\u00e9".repeat(length);
    }),
    handle(completed, ({ length }, { complete }) => {
      runs++;
      return complete(async (sql) => {
        await sql.query("insert into note (length) values ($1)", [length]);
        return "x".repeat(length);
      });
    }),
  ];
  await using fixture = await startWorkerFixture(handlers, { resultMaxBytes: "2048" });
  await fixture.database.script("create table note (length integer)");
  for (const task of ["large", "completed"]) {
    runs = 0;
    const { state, exception, retries } = await fixture.final(
      await fixture.submit(task, { length: 3000 }),
    );
    assertEquals([state, exception?.exc_type, retries, runs], ["FAILURE", "ResultTooLarge", 0, 1]);
    assertStringIncludes(
      String(exception?.exc_message[0]),
      `Cannot finish task '${task}' because its result has more than 2048 bytes`,
    );
    assertEquals(
      (await fixture.final(await fixture.submit(task, { length: 1000 }))).state,
      "SUCCESS",
    );
  }
  // What the handler wrote was rolled back with its result.
  assertEquals(await fixture.database.query("select length from note"), [{ length: 1000 }]);
});
