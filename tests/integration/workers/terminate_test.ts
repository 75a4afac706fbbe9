import { assertEquals } from "@std/assert";
import { encodeRevoke } from "../../../shared/celery/control.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/handlers.ts";
import * as app from "../../app/handlers.ts";
import { eventually } from "../../support/eventually.ts";
import { type House, house } from "../../support/house.ts";

const TERMINATED = {
  exc_type: "TaskRevokedError",
  exc_message: ["terminated"],
  exc_module: "celery.exceptions",
};

async function runs(home: House, id: string): Promise<void> {
  await eventually(`${id} runs`, async () => {
    return (await home.store.find(id))?.state === "STARTED" || undefined;
  });
}

async function terminate(home: House, ...ids: string[]): Promise<void> {
  await home.broker.publish(encodeRevoke(ids, { terminate: true }), { mandatory: false });
}

Deno.test("terminate() ends an endless loop in a child, and its neighbour goes on", async () => {
  await using home = await house(
    [app.blockHandler, app.sleepProcessHandler, app.echoProcessHandler],
    { processes: "2" },
  );
  const endless = await home.submit("test.block", {});
  const asleep = await home.submit("test.sleep_process", { seconds: 3600 });
  await runs(home, endless);
  await runs(home, asleep);
  await terminate(home, endless);
  const ended = await home.final(endless);
  assertEquals([ended.state, ended.exception], ["REVOKED", TERMINATED]);
  assertEquals((await home.store.find(asleep))?.state, "STARTED");
  const next = await home.final(await home.submit("test.echo_process", { value: 1 }));
  assertEquals(next.result, "1"); // the child was replaced
  await terminate(home, asleep);
  assertEquals((await home.final(asleep)).state, "REVOKED");
});

Deno.test("terminate() aborts the signal of an inline handler, whatever it makes of it", async () => {
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
  await using home = await house([stubborn, app.sleepHandler]);
  const ids = [
    await home.submit("stubborn", {}),
    await home.submit("test.sleep", { seconds: 3600 }),
  ];
  for (const id of ids) await runs(home, id);
  await terminate(home, ...ids);
  for (const id of ids) {
    const { state, exception } = await home.final(id);
    assertEquals([state, exception], ["REVOKED", TERMINATED]);
  }
  assertEquals(reasons, ["Terminated"]);
});

Deno.test("terminate() is not what a plain revoke does to a task that runs", async () => {
  const held = Promise.withResolvers<string>();
  const signals: AbortSignal[] = [];
  const waiting = handle(
    defineTask({ name: "waiting", input: z.object({}) }),
    (_input, { signal }) => {
      signals.push(signal);
      return held.promise;
    },
  );
  await using home = await house([waiting]);
  const id = await home.submit("waiting", {});
  await runs(home, id);
  await home.broker.publish(encodeRevoke([id]), { mandatory: false });
  const second = await home.submit("waiting", {});
  await runs(home, second);
  await terminate(home, second); // the node hears commands in their order
  assertEquals((await home.final(second)).state, "REVOKED");
  assertEquals(signals.map(({ aborted }) => aborted), [false, true]);
  held.resolve("done");
  assertEquals((await home.final(id)).state, "SUCCESS");
});
