import { assertEquals } from "@std/assert";
import { v7 } from "uuid";
import type { Message } from "../../../shared/broker/message.ts";
import { CONTROL_EXCHANGE, decodeControl } from "../../../shared/celery/control.ts";
import { BrokerUnavailable } from "../../../shared/errors.ts";
import { createFixture, type Fixture } from "./fixture.ts";

async function revoke(fixture: Fixture, path: string): Promise<[number, Record<string, unknown>]> {
  const answer = await fixture.app.request(`/v1/tasks/${path}`, { method: "DELETE" });
  return [answer.status, await answer.json()];
}

const down = () =>
  Promise.reject(new BrokerUnavailable("Cannot reach the broker because it is down"));

const DOWN = {
  publish: down,
  listen: down,
  measure: down,
  status: { state: "connecting" as const },
};

Deno.test("DELETE /v1/tasks/{id} revokes a task that has not started and notifies all workers", async () => {
  await using fixture = await createFixture();
  const heard = Promise.withResolvers<Message>();
  await using _workers = await fixture.broker.listen(CONTROL_EXCHANGE, heard.resolve, {
    keys: [""],
  });
  fixture.records.put({ id: "a", name: "add", state: "PENDING" });
  const [status, record] = await revoke(fixture, "a");
  assertEquals([status, record["state"], record["name"]], [200, "REVOKED", "add"]);
  const { method, arguments: given } = decodeControl(await heard.promise);
  assertEquals([method, given["task_id"], given["terminate"]], ["revoke", ["a"], false]);
});

Deno.test("DELETE /v1/tasks/{id} rejects a started or finished task", async () => {
  await using fixture = await createFixture();
  for (const state of ["STARTED", "SUCCESS", "FAILURE", "REVOKED"] as const) {
    fixture.records.put({ id: state, state });
    const [status, problem] = await revoke(fixture, state);
    assertEquals([status, problem["type"]], [409, "/problems/not-revocable"], state);
    assertEquals(fixture.records.records.get(state)!.state, state);
  }
});

Deno.test("DELETE /v1/tasks/{id} accepts an unknown id only if requested or if it is recent", async () => {
  await using fixture = await createFixture();
  const [unknown] = await revoke(fixture, "order-17");
  assertEquals([unknown, fixture.records.records.size], [404, 0]);
  const [told, record] = await revoke(fixture, "order-17?unrecorded=true");
  assertEquals([told, record["state"]], [200, "REVOKED"]);
  const [young] = await revoke(fixture, v7());
  assertEquals(young, 200);
  const [refused] = await revoke(fixture, "a?unrecorded=perhaps");
  assertEquals(refused, 422);
  const [impossible] = await revoke(fixture, "a%00b?unrecorded=true");
  assertEquals(impossible, 404);
});

Deno.test("DELETE /v1/tasks/{id} works without a broker, because workers read the record", async () => {
  await using fixture = await createFixture({}, { broker: DOWN });
  fixture.records.put({ id: "a", state: "RETRY" });
  assertEquals((await revoke(fixture, "a"))[0], 200);
  assertEquals(fixture.records.records.get("a")!.state, "REVOKED");
});

Deno.test("DELETE /v1/tasks/{id} answers 409 for a task with a cached final result", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "SUCCESS", result: "3" });
  await (await fixture.app.request("/v1/tasks/a")).body?.cancel();
  assertEquals((await revoke(fixture, "a"))[0], 409);
});

Deno.test("DELETE /v1/tasks/{id}?terminate=true notifies the worker of a running task and answers 202", async () => {
  await using fixture = await createFixture();
  const heard = Promise.withResolvers<Message>();
  await using _workers = await fixture.broker.listen(CONTROL_EXCHANGE, heard.resolve, {
    keys: [""],
  });
  fixture.records.put({ id: "a", name: "add", state: "STARTED" });
  const [status, record] = await revoke(fixture, "a?terminate=true");
  assertEquals([status, record["state"]], [202, "STARTED"]);
  const { arguments: given } = decodeControl(await heard.promise);
  assertEquals([given["task_id"], given["terminate"]], [["a"], true]);
});

Deno.test("DELETE /v1/tasks/{id}?terminate=true revokes a pending task and rejects a finished one", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", state: "PENDING" });
  assertEquals((await revoke(fixture, "a?terminate=true"))[0], 200);
  fixture.records.put({ id: "b", state: "SUCCESS" });
  assertEquals((await revoke(fixture, "b?terminate=true"))[0], 409);
  assertEquals((await revoke(fixture, "b?terminate=yes"))[0], 422);
});

Deno.test("DELETE /v1/tasks/{id}?terminate=true answers 503 when no worker can be notified", async () => {
  await using fixture = await createFixture({}, { broker: DOWN });
  fixture.records.put({ id: "a", state: "STARTED" });
  const [status, problem] = await revoke(fixture, "a?terminate=true");
  assertEquals([status, problem["type"]], [503, "/problems/unavailable"]);
});
