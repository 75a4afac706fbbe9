import { assertEquals } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { encodeRevoke } from "../../../shared/celery/control.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";

Deno.test("a pipeline of real processes records the outcome of each task", async (t) => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using worker = await startWorker(pipeline);
  await using amqp = await rawChannel(pipeline.vhost.url);
  await using broker = new AmqpBroker({ url: pipeline.vhost.url, name: "test" });
  await broker.start();
  await broker.connected();

  await t.step("a failed task is retried through the outbox", async () => {
    const { id } = await submit(url, "test.flaky", { kwargs: { failures: 2 } });
    const { state, result, retries } = await pipeline.final(id);
    assertEquals({ state, result, retries }, {
      state: "SUCCESS",
      result: { attempt: 3 },
      retries: 2,
    });
  });

  await t.step("a task without attempts left fails with its error", async () => {
    const { id } = await submit(url, "test.fail", { kwargs: { message: "no luck" } });
    const { state, exception } = await pipeline.final(id);
    assertEquals(state, "FAILURE");
    assertEquals(exception?.exc_message, ["no luck"]);
  });

  await t.step("a task that blocks its process does not affect others", async () => {
    const { id } = await submit(url, "test.block", {});
    await eventually("it runs", async () => await pipeline.count("STARTED") === 1);
    const quick = await submit(url, "test.sleep", { args: [0] }, { prefer: "wait=30" });
    assertEquals(quick.state, "SUCCESS");
    assertEquals(await pipeline.count("STARTED"), 1);
    await broker.publish(encodeRevoke([id], { terminate: true }), { mandatory: false });
    assertEquals((await pipeline.final(id)).state, "REVOKED");
  });

  await t.step("an endless task ends at its time limit", async () => {
    const { id } = await submit(url, "test.block", { options: { time_limit: 0.5 } });
    const { state, exception } = await pipeline.final(id);
    assertEquals({ state, type: exception?.exc_type }, {
      state: "FAILURE",
      type: "TimeLimitExceeded",
    });
  });

  await t.step("a task that ends its process fails, and the worker stays up", async () => {
    const { id } = await submit(url, "test.exit", {});
    const { state, exception } = await pipeline.final(id);
    assertEquals({ state, type: exception?.exc_type }, {
      state: "FAILURE",
      type: "WorkerLostError",
    });
  });

  const reasons = async (id: string) => (await pipeline.letters(id)).map(({ reason }) => reason);

  await t.step("an unknown task becomes a dead letter and a failure", async () => {
    await publishRaw(amqp, "", "celeriac.default", [rawTask("no.such", "unknown", {})]);
    assertEquals((await pipeline.final("unknown")).exception?.exc_type, "NotRegistered");
    assertEquals(await reasons("unknown"), ["unknown-task"]);
  });

  await t.step("invalid arguments become a dead letter and a failure", async () => {
    const task = rawTask("test.sleep", "misfit", { kwargs: { seconds: "long" } });
    await publishRaw(amqp, "", "celeriac.default", [task]);
    assertEquals((await pipeline.final("misfit")).state, "FAILURE");
    assertEquals(await reasons("misfit"), ["invalid-input"]);
  });

  await t.step("pickle becomes a dead letter and a failure", async () => {
    const { options } = rawTask("test.sleep", "pickled", {});
    const body = Uint8Array.of(0x80, 4, 0x4e, 0x2e);
    const contentType = "application/x-python-serialize";
    await publishRaw(amqp, "", "celeriac.default", [{
      body,
      options: { ...options, contentType },
    }]);
    assertEquals((await pipeline.final("pickled")).state, "FAILURE");
    assertEquals(await reasons("pickled"), ["content-type"]);
  });

  await t.step("uncaught errors end no worker", async () => {
    for (const late of [true, false]) {
      const { id } = await submit(url, "test.uncaught", { kwargs: { late } });
      assertEquals((await pipeline.final(id)).state, late ? "SUCCESS" : "FAILURE");
    }
    await worker.said(/uncaught after its run had ended: Refusal: timer 1/);
    await worker.said(/uncaught after its run had ended: Refusal: promise 1/);
  });

  await t.step("API and worker are still up", async () => {
    const { result } = await submit(url, "test.echo", { args: ["up"] }, { prefer: "wait=30" });
    assertEquals(result, "up");
  });
});
