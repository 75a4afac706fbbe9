import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/mod.ts";
import * as app from "../../app/handlers.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";
import { UNREADABLE } from "../../app/unreadable.ts";

Deno.test("throwing an unreadable value is one failure after one run, inline and in a child", async () => {
  await using fixture = await startWorkerFixture([
    app.unreadableHandler,
    app.unreadableProcessHandler,
  ]);
  for (const what of Object.keys(UNREADABLE)) {
    const names = ["test.unreadable", "test.unreadable_process"];
    const ids = await Promise.all(names.map((name) => fixture.submit(name, { what })));
    const records = await Promise.all(ids.map((id) => fixture.final(id)));
    for (const { state, retries, deliveries } of records) {
      assertEquals({ what, state, retries, deliveries }, {
        what,
        state: "FAILURE",
        retries: 0,
        deliveries: 1,
      });
    }
    const [inline, child] = records;
    // A proxy that throws when it is read is text at the other end.
    if (!what.includes("proxy")) assertEquals(child!.exception, inline!.exception, what);
  }
});

Deno.test("a result that does not match the output schema is a failure that names the field", async () => {
  const output = z.object({ lines: z.array(z.object({ price: z.number() })) });
  const contract = defineTask({ name: "bill", input: z.object({}), output });
  await using fixture = await startWorkerFixture([
    handle(contract, () => ({ lines: [{ price: "7" }] }) as never),
  ]);
  const { state, exception } = await fixture.final(await fixture.submit("bill", {}));
  assertEquals([state, exception?.exc_type], ["FAILURE", "InvalidOutput"]);
  assertMatch(String(exception?.exc_message[0]), /contract's output \(result\.lines\.0\.price: /);
});

Deno.test("an uncaught error fails its task during the run, and is added to its record afterwards", async (t) => {
  const neighbour = defineTask({ name: "neighbour", input: z.object({}) });
  const released = Promise.withResolvers<void>();
  await using fixture = await startWorkerFixture([
    app.uncaughtHandler,
    app.uncaughtProcessHandler,
    app.sleepProcessHandler,
    handle(neighbour, () => released.promise),
  ]);
  const beside = await fixture.submit("neighbour", {});

  for (const name of ["test.uncaught", "test.uncaught_process"]) {
    await t.step(`${name} while it runs`, async () => {
      const { state, exception, traceback, meta, retries } = await fixture.final(
        await fixture.submit(name, {}),
      );
      assertEquals([state, exception?.exc_type, retries], ["FAILURE", "UncaughtError", 0]);
      assertStringIncludes(String(exception?.exc_message[0]), "await every promise");
      assertMatch(traceback!, /Caused by: (Refusal|Error): timer 1\n.*tests\/app\/handlers.ts/s);
      assertEquals(meta?.violations, undefined);
      const { error, late } = meta!.uncaught![0]!;
      assertEquals([error, late], ["Refusal: timer 1", false]);
    });
  }

  await t.step("test.uncaught after its end", async () => {
    const id = await fixture.submit("test.uncaught", { late: true });
    const { state, result } = await fixture.final(id);
    assertEquals([state, result], ["SUCCESS", '"done"']);
    const uncaught = await eventually("the errors in the record", async () => {
      const { uncaught = [] } = (await fixture.store.find(id))?.meta ?? {};
      return uncaught.length >= 2 && uncaught.slice(0, 2);
    });
    assertEquals(uncaught.map(({ error }) => error), ["Refusal: timer 1", "Refusal: promise 1"]);
    assertEquals(uncaught.every(({ late }) => late), true);
  });

  await t.step("a child clears the timers of a finished task", async () => {
    const id = await fixture.submit("test.uncaught_process", { late: true });
    // In the same child, and longer than the timers.
    const next = fixture.submit("test.sleep_process", { seconds: 0.3 });
    assertEquals((await fixture.final(id)).state, "SUCCESS");
    assertEquals((await fixture.final(await next)).state, "SUCCESS");
    assertEquals((await fixture.store.find(id))?.meta?.uncaught, undefined);
  });

  await t.step("only the first of a thousand errors are kept", async () => {
    const id = await fixture.submit("test.uncaught", { late: true, times: 500 });
    const uncaught = await eventually("errors in the record", async () => {
      return (await fixture.store.find(id))?.meta?.uncaught;
    });
    assertEquals(uncaught.length, 5);
  });

  released.resolve();
  assertEquals((await fixture.final(beside)).state, "SUCCESS");
  const metrics = await (await fixture.worker.health().request("/metrics")).text();
  assertStringIncludes(metrics, 'celeriac_uncaught_errors_total{task="test.uncaught"}');
  const counted = await fixture.database.query("select from celeriac.crash where runs > 0");
  assertEquals(counted.length, 0);
});
