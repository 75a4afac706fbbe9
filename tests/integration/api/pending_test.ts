/** When the API writes the record of an accepted task. */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { createFixture } from "./fixture.ts";

Deno.test("each accepted task is listed with its name and arguments, whether or not it settles before its PENDING record is written", async () => {
  await using fixture = await createFixture();
  const { url } = fixture;
  const ids: string[] = [];
  for (let count = 0; count < 20; count++) {
    ids.push((await (await fixture.post("/v1/tasks/add", { args: [count, 2] })).json()).id);
    const task = await fixture.take();
    const { argsRepr, kwargsRepr } = task; // as a worker settles
    if (count % 2 === 0) {
      await fixture.settle(task, { result: `${count + 2}`, argsRepr, kwargsRepr });
    }
    const { name, args, state } = await (await fetch(`${url}/v1/tasks/${task.id}`)).json();
    assertEquals([name, args, state], ["add", [count, 2], count % 2 === 0 ? "SUCCESS" : "PENDING"]);
  }
  const list = async () => {
    const { tasks } = await (await fetch(`${url}/v1/tasks?limit=100`)).json();
    return tasks as { id: string; state: string; name: string; args: number[]; queue: string }[];
  };
  await eventually("all tasks in the list", async () => (await list()).length >= 20);
  for (const { id, state, name, args, queue } of await list()) {
    const count = ids.indexOf(id);
    assertEquals([name, args, queue], ["add", [count, 2], "celeriac.default"]);
    assertEquals(state, count % 2 === 0 ? "SUCCESS" : "PENDING");
  }
});

Deno.test("a task that is revoked before its record is written keeps its name and arguments", async () => {
  await using fixture = await createFixture();
  const { database, url } = fixture;
  const { id } = await (await fixture.post("/v1/tasks/add", { args: [1, 2] })).json();
  const answer = await fetch(`${url}/v1/tasks/${id}`, { method: "DELETE" });
  const revoked = await answer.json();
  assertEquals([revoked.state, revoked.name, revoked.args], ["REVOKED", "add", [1, 2]]);
  const row = await eventually("the name in the record", async () => {
    const [row] = await database.query<{ name: string | null; state: string; queue: string }>(
      "select name, state, queue from celeriac.task where id = $1",
      [id],
    );
    return row?.name ? row : undefined;
  });
  assertEquals(row, { name: "add", state: "REVOKED", queue: "celeriac.default" });
});

Deno.test("an API that stops writes the records of all accepted tasks", async () => {
  await using fixture = await createFixture();
  const { api, database } = fixture;
  for (let count = 0; count < 10; count++) {
    const answer = await fixture.post("/v1/tasks/ping", {});
    await answer.body?.cancel();
  }
  await api.stop();
  const [row] = await database.query<{ count: number }>(
    "select count(*)::integer as count from celeriac.task where state = 'PENDING' and name = 'ping'",
  );
  assertEquals(row?.count, 10);
});
