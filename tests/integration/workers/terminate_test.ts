import { assertEquals } from "@std/assert";
import { encodeRevoke } from "../../../shared/celery/control.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/handlers.ts";
import * as app from "../../app/handlers.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";

const TERMINATED = {
  exc_type: "TaskRevokedError",
  exc_message: ["terminated"],
  exc_module: "celery.exceptions",
};

async function runs(fixture: WorkerFixture, id: string): Promise<void> {
  await eventually(`${id} runs`, async () => {
    return (await fixture.store.find(id))?.state === "STARTED" || undefined;
  });
}

async function terminate(fixture: WorkerFixture, ...ids: string[]): Promise<void> {
  await fixture.broker.publish(encodeRevoke(ids, { terminate: true }), { mandatory: false });
}

Deno.test("terminate() ends an endless loop in a child, and other children continue", async () => {
  await using fixture = await startWorkerFixture(
    [app.blockHandler, app.sleepProcessHandler, app.echoProcessHandler],
    { processes: "2" },
  );
  const endless = await fixture.submit("test.block", {});
  const asleep = await fixture.submit("test.sleep_process", { seconds: 3600 });
  await runs(fixture, endless);
  await runs(fixture, asleep);
  await terminate(fixture, endless);
  const ended = await fixture.final(endless);
  assertEquals([ended.state, ended.exception], ["REVOKED", TERMINATED]);
  assertEquals((await fixture.store.find(asleep))?.state, "STARTED");
  const next = await fixture.final(await fixture.submit("test.echo_process", { value: 1 }));
  assertEquals(next.result, "1"); // the child was replaced
  await terminate(fixture, asleep);
  assertEquals((await fixture.final(asleep)).state, "REVOKED");
});

Deno.test("terminate() aborts the signal of an inline handler, even if it ignores it", async () => {
  const reasons: string[] = [];
  const stubborn = handle(
    defineTask({ name: "stubborn", input: z.object({}), retry: true }),
    (_input, { signal }) =>
      new Promise<string>((resolve) =>
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason.name);
          resolve("finished all the same");
        })
      ),
  );
  await using fixture = await startWorkerFixture([stubborn, app.sleepHandler]);
  const ids = [
    await fixture.submit("stubborn", {}),
    await fixture.submit("test.sleep", { seconds: 3600 }),
  ];
  for (const id of ids) await runs(fixture, id);
  await terminate(fixture, ...ids);
  for (const id of ids) {
    const { state, exception } = await fixture.final(id);
    assertEquals([state, exception], ["REVOKED", TERMINATED]);
  }
  assertEquals(reasons, ["Terminated"]);
});

Deno.test("a revoke without terminate leaves a running task unchanged", async () => {
  const held = Promise.withResolvers<string>();
  const signals: AbortSignal[] = [];
  const waiting = handle(
    defineTask({ name: "waiting", input: z.object({}) }),
    (_input, { signal }) => {
      signals.push(signal);
      return held.promise;
    },
  );
  await using fixture = await startWorkerFixture([waiting]);
  const id = await fixture.submit("waiting", {});
  await runs(fixture, id);
  await fixture.broker.publish(encodeRevoke([id]), { mandatory: false });
  const second = await fixture.submit("waiting", {});
  await runs(fixture, second);
  await terminate(fixture, second); // the node hears commands in their order
  assertEquals((await fixture.final(second)).state, "REVOKED");
  assertEquals(signals.map(({ aborted }) => aborted), [false, true]);
  held.resolve("done");
  assertEquals((await fixture.final(id)).state, "SUCCESS");
});
