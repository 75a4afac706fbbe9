import { assertEquals, assertStringIncludes } from "@std/assert";
import { decodeTask } from "../../../shared/celery/decode.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import { SUBMITTER_HEADER } from "../../../shared/results/submitter_header.ts";
import { createFixture, type Fixture } from "./fixture.ts";
import { bearer, keyedFixture, ROOT_TOKEN, testKey } from "./access/keys.ts";

const FAILED = {
  id: "old",
  name: "add",
  queue: "celeriac.default",
  state: "FAILURE",
  labels: { order: "7" },
  input: '{"args":[1],"kwargs":{"y":2}}',
} as const;

async function rerun(fixture: Fixture, body: unknown = {}, headers = {}) {
  const answer = await fixture.post("/v1/tasks/old/rerun", body, headers);
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

Deno.test("a rerun has the kept input, labels and a link under a new id", async () => {
  await using fixture = await createFixture();
  fixture.records.put(FAILED);
  const { status, headers, body } = await rerun(fixture);
  assertEquals(status, 202);
  assertEquals(body, {
    id: body.id,
    state: "PENDING",
    name: "add",
    queue: "celeriac.default",
    rerun_of: "old",
  });
  assertEquals(headers.get("location"), `/v1/tasks/${body.id}`);
  const [message, ...others] = await fixture.published();
  const { id, args, kwargs, stamps } = decodeTask(message!);
  assertEquals(
    [id, args, kwargs, stamps],
    [body.id, [1], { y: 2 }, { order: "7", rerun_of: "old" }],
  );
  assertEquals(others, []);
  assertEquals(
    fixture.audit.entries.map(({ action, target, status }) => [action, target, status]),
    [
      ["tasks:submit", "old", 202],
    ],
  );
  const record = await (await fixture.app.request(`/v1/tasks/${body.id}`)).json();
  assertEquals(record.labels.rerun_of, "old");
});

Deno.test("edits replace args or kwargs, and options apply", async () => {
  await using fixture = await createFixture();
  fixture.records.put(FAILED);
  const options = { labels: { by: "ada" }, queue: "celeriac.text", priority: 3 };
  assertEquals((await rerun(fixture, { kwargs: { y: 5 }, options })).status, 202);
  const [message] = await fixture.published("celeriac.text");
  const { args, kwargs, stamps, priority } = decodeTask(message!);
  assertEquals([args, kwargs, priority], [[1], { y: 5 }, 3]);
  assertEquals(stamps, { order: "7", by: "ada", rerun_of: "old" });
});

Deno.test("invalid edits are refused by field", async () => {
  await using fixture = await createFixture();
  fixture.records.put(FAILED);
  const cases: [body: unknown, status: number, field: string][] = [
    [{ kwargs: { y: "five" } }, 422, "kwargs.y"],
    [{ kwargs: { y: 5, z: 1 } }, 422, "kwargs.z"],
    [{ args: [1, 2, 3] }, 422, "args.2"],
    [{ argz: [] }, 422, "argz"],
    [{ options: { countdwon: 1 } }, 422, "options.countdwon"],
    [{ options: 7 }, 422, "options"],
    [[], 422, "body"],
  ];
  for (const [given, status, field] of cases) {
    const { status: got, body } = await rerun(fixture, given);
    assertEquals([got, body.errors[0].field], [status, field]);
  }
  assertEquals(await fixture.published(), []);
  assertEquals(fixture.audit.entries, []);
});

Deno.test("a rerun without a kept input is refused in words", async () => {
  await using fixture = await createFixture();
  const { input: _, ...without } = FAILED;
  const cases: [record: Partial<TaskRecord>, reason: string][] = [
    [{ ...without }, "its record in state FAILURE keeps no input"],
    [{ ...without, state: "STARTED" }, "it is STARTED, and a record keeps the input only with"],
    [
      { ...without, input: '{"omitted":"too-large","bytes":70000}' },
      "its input of 70000 bytes is larger than CELERIAC_INPUT_MAX_BYTES",
    ],
    [{ ...without, input: '{"omitted":"not-json"}' }, "its input contains a value that JSON lacks"],
    [
      {
        ...without,
        input: '{"args":[],"kwargs":{"x":1,"y":"[redacted]"},"redacted":["kwargs.y"]}',
      },
      "does not contain kwargs.y, which its contract redacts: give kwargs with all values",
    ],
    [{ ...without, name: null }, "does not contain its name"],
  ];
  for (const [record, reason] of cases) {
    fixture.records.records.clear();
    fixture.records.put({ id: "old", ...record });
    const { status, body } = await rerun(fixture);
    assertEquals([status, body.type], [409, "/problems/no-input"]);
    assertStringIncludes(body.detail, reason);
  }
  fixture.records.records.clear();
  fixture.records.put({
    ...FAILED,
    input: '{"args":[],"kwargs":{"x":1,"y":"[redacted]"},"redacted":["kwargs.y"]}',
  });
  assertEquals((await rerun(fixture, { kwargs: { x: 1, y: 2 } })).status, 202);
  fixture.records.records.clear();
  fixture.records.put({ id: "old", name: "add", state: "SUCCESS" });
  assertEquals((await rerun(fixture, { args: [], kwargs: { x: 1, y: 2 } })).status, 202);
  assertEquals((await fixture.post("/v1/tasks/other/rerun", {})).status, 404);
});

Deno.test("a repeated rerun with the same key submits one task, large integers stay exact", async () => {
  await using fixture = await createFixture();
  const input = '{"args":[],"kwargs":{"x":1,"big":1152921504606846977}}';
  fixture.records.put({ ...FAILED, name: "loose", input });
  const key = { "idempotency-key": "k" };
  const ids = [(await rerun(fixture, {}, key)).body.id, (await rerun(fixture, {}, key)).body.id];
  assertEquals(ids[0], ids[1]);
  const messages = await fixture.published();
  assertEquals(messages.length, 1);
  assertEquals(decodeTask(messages[0]!).kwargs, { x: 1, big: 1152921504606846977n });
  const text = await (await fixture.app.request("/v1/tasks/old")).text();
  assertStringIncludes(text, `"input":${input}`);
});

Deno.test("a caller sees and reruns inputs only as far as its rights reach", async () => {
  const reader = testKey({ scopes: ["tasks:read", "tasks:submit"] });
  const other = testKey({ scopes: ["tasks:*"], tasks: ["mail.*"] });
  const queued = testKey({ scopes: ["tasks:*"], queues: ["celeriac.default"] });
  await using fixture = await keyedFixture([reader, other, queued]);
  fixture.records.put(FAILED);
  const as = ({ token }: { token: string }, body: unknown = {}) =>
    rerun(fixture, body, bearer(token));
  assertEquals((await as(reader)).status, 403);
  assertEquals((await as(other)).status, 404);
  assertEquals((await as(queued, { options: { queue: "celeriac.text" } })).status, 403);
  assertEquals((await as(queued)).status, 202);
  const [message] = await fixture.published();
  assertEquals(message!.headers[SUBMITTER_HEADER], `key:${queued.key.id}`);
  const read = async (token: string) =>
    await (await fixture.app.request("/v1/tasks/old", { headers: bearer(token) })).json();
  assertEquals((await read(reader.token)).input, null);
  assertEquals((await read(ROOT_TOKEN)).input, { args: [1], kwargs: { y: 2 } });
});
