import { assert, assertEquals } from "@std/assert";
import { chain, chord, chunks, group, map, signature, starmap } from "../../../shared/mod.ts";
import { steps } from "../../../shared/celery/canvas_tree.ts";
import { encodeEvents } from "../../../shared/celery/event.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import * as sampleApp from "../../../shared/tasks/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { EventHub } from "../../../api/reading/event_hub.ts";
import { createFixture, type Fixture } from "./fixture.ts";

const add = "add";
const ping = "ping";

Deno.test("POST /v1/workflows assigns and returns every id", async () => {
  await using api = await createFixture();
  const body = chain(
    signature(add, { x: 1, y: 2 }),
    group(signature(add, { y: 3 }), signature(add, {}, { args: [4] })),
    signature("proj.sum", {}, { options: { queue: "celery" } }),
  );
  const answer = await api.post("/v1/workflows", body);
  assertEquals(answer.status, 202, await answer.clone().text());
  const { id, state, tasks } = await answer.json();
  assertEquals(answer.headers.get("location"), `/v1/workflows/${id}`);
  assertEquals([state, tasks.length], ["PENDING", 4]);
  const started = steps(api.workflows.started.get(id)!);
  assertEquals(
    started.map(({ options }) => options.taskId),
    tasks.map((task: { id: string }) => task.id),
  );
  for (const task of tasks) assertEquals(api.records.records.get(task.id)?.state, "PENDING");
  const read = await api.app.request(`/v1/workflows/${id}`);
  assertEquals([read.status, (await read.json()).total], [200, 4]);
});

Deno.test("POST /v1/workflows keeps a record of every task, even if its result is ignored", async () => {
  await using api = await createFixture();
  const quiet = { immutable: true, options: { ignore_result: true } };
  const silent = signature("silent", {}, { immutable: true });
  const body = chain(
    signature(ping, {}, quiet),
    chord([silent, silent], signature(ping, {}, quiet)),
  );
  const { id, tasks } = await (await api.post("/v1/workflows", body)).json();
  assertEquals(
    steps(api.workflows.started.get(id)!).map(({ options }) => options.ignoreResult),
    Array(4).fill(false),
  );
  for (const task of tasks) assertEquals(api.records.records.get(task.id)?.state, "PENDING");
});

Deno.test("POST /v1/workflows accepts every kind of part", async () => {
  await using api = await createFixture();
  const one = signature(add, { x: 1, y: 2 });
  const shapes = [
    one,
    group(one, one),
    chord([one, one], signature("text.shout")),
    chord([], signature("text.shout")),
    map("text.shout", ["a", "b"]),
    starmap(add, [[1, 2], [3, 4]]),
    chunks(add, [[1, 2], [3, 4], [5, 6]], 2),
    chain(one, signature(ping, {}, { immutable: true })),
    signature(add, { x: 1, y: 2 }, {
      link: [signature(add, { y: 1 })],
      link_error: [signature("loose")],
    }),
  ];
  for (const shape of shapes) {
    const answer = await api.post("/v1/workflows", shape);
    assertEquals(answer.status, 202, await answer.text());
  }
});

Deno.test("POST /v1/workflows names each invalid part", async () => {
  await using api = await createFixture();
  const one = signature(add, { x: 1, y: 2 });
  const fixed = { ...one, immutable: true };
  const cases: [unknown, string][] = [
    [[], "body"],
    [{}, "body"],
    [{ chain: [one], group: [one] }, "body"],
    [{ chian: [one] }, "body"],
    [{ chain: [] }, "chain"],
    [{ chain: [{ group: [] }, { group: [] }] }, "chain"],
    [{ chain: [one, { ...one, kwargs: { y: "2" } }] }, "chain.1.kwargs.y"],
    [{ chain: [one, one] }, "chain.1.kwargs.x"],
    [{ chain: [one, signature("ping")] }, "chain.1.args.0"],
    [{ chain: [one, { name: "add", args: ["3"] }] }, "chain.1.args.0"],
    [{ group: [{ ...one, options: { countdwon: 5 } }] }, "group.0.options.countdwon"],
    [{ group: [one], more: 1 }, "more"],
    [{ group: [] }, "body"],
    // Each of these groups would be the body of the chord before it.
    [{ chain: Array(60).fill({ group: [fixed, fixed] }) }, "body"],
    [{ chain: Array(5000).fill({ group: [fixed] }) }, "body"],
    [{ chord: { header: [one] } }, "chord.body"],
    [{ chord: { header: [one], body: one, bdy: 1 } }, "chord.bdy"],
    [{ starmap: { name: "add", items: [[1, 2], [1, "2"]] } }, "starmap.items.1.args.1"],
    [{ chunks: { name: "add", items: [[1, 2]], size: 0 } }, "chunks.size"],
    [{ ...one, immutable: 1 }, "immutable"],
    [{ ...one, link: [{ name: "add", kwargs: {} }] }, "link.0.kwargs.y"],
    [
      { group: [{ ...one, options: { task_id: "a" } }, { ...one, options: { task_id: "a" } }] },
      "body",
    ],
  ];
  for (const [body, field] of cases) {
    const answer = await api.post("/v1/workflows", body);
    const problem = await answer.json();
    assertEquals(answer.status, 422, JSON.stringify(problem));
    assertEquals(problem.errors[0].field, field, JSON.stringify(problem));
  }
  const unknown = await api.post("/v1/workflows", chain(one, signature("ad")));
  assertEquals(unknown.status, 404);
  assert((await unknown.json()).detail.includes("chain.1"));
  assertEquals(api.workflows.started.size, 0);
});

Deno.test("POST /v1/workflows returns the same ids for the same Idempotency-Key", async () => {
  await using api = await createFixture();
  const body = chain(signature(add, { x: 1, y: 2 }), signature(add, { y: 3 }));
  const key = { "idempotency-key": "k" };
  const [first, again] = [
    await api.post("/v1/workflows", body, key),
    await api.post("/v1/workflows", body, key),
  ];
  assertEquals(await again!.json(), await first!.json());
  assertEquals(api.workflows.started.size, 1);
  const other = await api.post("/v1/workflows", group(), key);
  assertEquals(other.status, 422);
});

Deno.test("GET /v1/workflows/{id} answers 404 for other ids", async () => {
  await using api = await createFixture();
  assertEquals((await api.app.request("/v1/workflows/none")).status, 404);
  assertEquals((await api.app.request("/v1/workflows/none?wiat=1")).status, 422);
});

Deno.test("POST /v1/workflows accepts every example of docs/learn/workflows.md", async () => {
  const registry = Registry.fromModule(sampleApp, "the sample app");
  await using api = await createFixture({}, { registry });
  const page = await Deno.readTextFile(
    new URL("../../../docs/learn/workflows.md", import.meta.url),
  );
  const examples = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text = ""]) => text);
  assert(examples.length >= 5);
  for (const example of examples) {
    const answer = await api.post("/v1/workflows", example);
    assertEquals(answer.status, 202, `${example}: ${await answer.text()}`);
  }
});

/** Ends all tasks of the workflow that is started next. */
async function endNext(fixture: Fixture): Promise<void> {
  const canvas = await eventually(
    "a workflow",
    () => [...fixture.workflows.started.values()].at(-1),
  );
  for (const { options } of steps(canvas)) {
    const id = options.taskId!;
    fixture.records.put({ id, state: "SUCCESS", result: "1" });
    const event = { type: "task-succeeded", id, name: "add", result: "1", runtime: 0 } as const;
    const node = { hostname: "celeriac@test", pid: 1, clock: () => 1 };
    await fixture.broker.publish(encodeEvents([{ event, timestamp: 1 }], node), {
      mandatory: false,
    });
  }
}

Deno.test("POST /v1/workflows returns the record if it ends within the wait", async () => {
  const body = chain(signature(add, { x: 1, y: 2 }), signature(add, { y: 3 }));
  for (const [query, prefer] of [["?wait=60", ""], ["", "wait=60"]]) {
    await using api = await createFixture();
    const ending = endNext(api);
    const answer = await api.post(`/v1/workflows${query}`, body, prefer ? { prefer } : {});
    const { id, state, done, total } = await answer.json();
    assertEquals([answer.status, state, done, total], [200, "SUCCESS", 2, 2]);
    assertEquals(answer.headers.get("location"), `/v1/workflows/${id}`);
    assertEquals(answer.headers.get("preference-applied"), prefer || null);
    await ending;
  }
});

Deno.test("POST /v1/workflows answers 202 on timeout and if the record cannot be read", async () => {
  const body = signature(add, { x: 1, y: 2 });
  await using api = await createFixture({ maxWait: 0.05 });
  const late = await api.post("/v1/workflows?wait=60", body);
  assertEquals([late.status, (await late.json()).state], [202, "PENDING"]);
  const down = () => Promise.reject(new DatabaseUnavailable("Cannot reach the database"));
  const workflows = {
    memberOf: () => Promise.resolve(undefined),
    workflowOf: () => Promise.resolve(undefined),
    start: () => Promise.resolve(),
    find: down,
  };
  await using broken = await createFixture({}, { workflows });
  const blind = await broken.post("/v1/workflows", body, { prefer: "wait=60" });
  assertEquals([blind.status, blind.headers.get("preference-applied")], [202, "wait=60"]);
});

Deno.test("GET /v1/workflows/{id}?wait= reads twice for all callers, whenever they come", async () => {
  await using api = await createFixture();
  const body = group(signature(add, { x: 1, y: 2 }), signature(add, { x: 1, y: 2 }));
  const { id } = await (await api.post("/v1/workflows", body)).json();
  const ask = async () => await (await api.app.request(`/v1/workflows/${id}?wait=60`)).json();
  const waiting: Promise<{ state: string }>[] = [];
  for (let wave = 1; wave <= 3; wave++) {
    waiting.push(...Array.from({ length: 400 }, ask));
    const polls = api.records.polled.length;
    await eventually("a poll", () => api.records.polled.length > polls);
  }
  await endNext(api);
  const states = new Set((await Promise.all(waiting)).map(({ state }) => state));
  assertEquals(states, new Set(["SUCCESS"]));
  assertEquals(api.workflows.finds, 2);
});

Deno.test("GET /v1/workflows/{id}?wait= finds the end of a workflow without events", async () => {
  await using api = await createFixture();
  const { id, tasks: [task] } =
    await (await api.post("/v1/workflows", signature(add, { x: 1, y: 2 }))).json();
  const waiting = api.app.request(`/v1/workflows/${id}?wait=60`);
  await eventually("a read", () => api.workflows.finds === 1);
  api.records.put({ id: task.id, state: "SUCCESS", result: "3" });
  assertEquals((await (await waiting).json()).state, "SUCCESS");
});

Deno.test("GET /v1/workflows/{id}?wait= returns the current state after the wait, and a caller that leaves disturbs no other", async () => {
  await using api = await createFixture();
  const { id } = await (await api.post("/v1/workflows", signature(add, { x: 1, y: 2 }))).json();
  const long = api.app.request(`/v1/workflows/${id}?wait=60`);
  const short = await api.app.request(`/v1/workflows/${id}?wait=0.01`);
  assertEquals([short.status, (await short.json()).state], [200, "PENDING"]);
  await endNext(api);
  assertEquals((await (await long).json()).state, "SUCCESS");
});

Deno.test("GET /v1/workflows/{id}?wait= answers 404 for other ids, and 503 above the limit of callers", async () => {
  const listen = () => Promise.reject(new Error("not used"));
  await using hub = new EventHub({ broker: { listen }, limit: 1 });
  await using api = await createFixture({}, { hub });
  assertEquals((await api.app.request("/v1/workflows/none?wait=60")).status, 404);
  const { id } = await (await api.post("/v1/workflows", signature(add, { x: 1, y: 2 }))).json();
  const first = api.app.request(`/v1/workflows/${id}?wait=60`);
  await eventually("a poll", () => api.records.polled.length > 0);
  assertEquals((await api.app.request(`/v1/workflows/${id}?wait=60`)).status, 503);
  await hub.stop();
  assertEquals((await (await first).json()).state, "PENDING");
});
