import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { defineTask, z } from "../../../../shared/mod.ts";
import { inputFields, readInput, textOf } from "../../../../api/page/trying/input_fields.ts";
import { readEdited } from "../../../../api/page/trying/copied_input.ts";
import { decodeTask } from "../../../../shared/celery/decode.ts";
import { createFixture, type Fixture } from "../fixture.ts";
import { bearer, keyedFixture, testKey } from "../access/keys.ts";

const HTML = { accept: "text/html" };

const get = async (fixture: Fixture, path: string, headers: Record<string, string> = {}) => {
  const answer = await fixture.app.request(path, { headers: { ...HTML, ...headers } });
  return { status: answer.status, text: await answer.text() };
};

const post = async (
  fixture: Fixture,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
) => {
  const answer = await fixture.app.request(path, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { ...HTML, "sec-fetch-site": "same-origin", ...headers },
  });
  const location = answer.headers.get("location") ?? "";
  return { status: answer.status, location, text: await answer.text() };
};

const bodyOf = async (fixture: Fixture, queue?: string) => {
  const [message] = await fixture.published(queue);
  return JSON.parse(new TextDecoder().decode(message!.body)) as [unknown[], unknown, unknown];
};

const everyKind = defineTask({
  name: "every",
  input: z.object({
    line: z.string().max(20),
    page: z.string(),
    day: z.iso.date().optional(),
    count: z.int().default(3),
    ratio: z.number().nullable(),
    loud: z.boolean().optional(),
    colour: z.enum(["red", "blue"]),
    either: z.union([z.string(), z.number()]).optional(),
    list: z.array(z.object({ n: z.number() })),
  }),
});

Deno.test("inputFields() chooses a control for each argument", () => {
  const fields = inputFields(everyKind);
  assertEquals(Object.fromEntries(fields.map(({ name, kind }) => [name, kind])), {
    line: "text",
    page: "long",
    day: "text",
    count: "number",
    ratio: "json",
    loud: "flag",
    colour: "choice",
    either: "json",
    list: "json",
  });
  assertEquals(fields.filter(({ isRequired }) => !isRequired).map(({ name }) => name), [
    "day",
    "count",
    "loud",
    "either",
  ]);
});

Deno.test("readInput() reads what textOf() writes, and names each field that it cannot read", () => {
  const fields = inputFields(everyKind);
  const values: Record<string, unknown> = {
    line: "",
    page: "a\nb",
    count: 7,
    ratio: null,
    loud: false,
    colour: "blue",
    either: "7",
    list: [{ n: 1 }],
  };
  const texts = new Map(
    fields.map((field) => [field.name, textOf(field, values[field.name]).replaceAll("\n", "\r\n")]),
  );
  assertEquals(readInput(fields, (name) => texts.get(name)!), { kwargs: values, errors: [] });
  const { errors } = readInput(fields, (name) => name === "count" ? "9007199254740993" : "x");
  assertEquals(errors.map(({ field }) => field), [
    "kwargs.count",
    "kwargs.ratio",
    "kwargs.loud",
    "kwargs.either",
    "kwargs.list",
  ]);
});

Deno.test("the form of a task contains its example, and submits it", async () => {
  await using fixture = await createFixture();
  assertStringIncludes((await get(fixture, "/try")).text, 'href="/try/add"');
  const { text } = await get(fixture, "/try/add");
  assertStringIncludes(text, 'name="input.x" inputmode="decimal" value="2"');
  assertStringIncludes(text, "curl -X POST");
  const { status, location } = await post(fixture, "/try/add", {
    "input.x": "20",
    "input.y": "-0.5",
    action: "submit",
  });
  assertEquals(status, 303);
  assert(/^\/tasks\/[\w-]+\?done=submitted$/.test(location), location);
  assertEquals((await bodyOf(fixture))[1], { x: 20, y: -0.5 });
  await fixture.counter.flush();
  assertEquals(fixture.audit.counted[0]?.target, "add");
});

Deno.test("a second press of the button submits no second task, and other input does", async () => {
  await using fixture = await createFixture();
  const [, press = ""] = /name="press" value="([^"]+)"/.exec(
    (await get(fixture, "/try/add")).text,
  )!;
  const submit = async (x: string) =>
    (await post(fixture, "/try/add", { "input.x": x, "input.y": "1", press })).location;
  const [first, second, other] = [await submit("1"), await submit("1"), await submit("2")];
  assertEquals(second, first);
  assert(other !== first && other.startsWith("/tasks/"), other);
  assertEquals((await fixture.published()).length, 2);
});

Deno.test("a delay stores the task for later", async () => {
  await using fixture = await createFixture();
  const { status } = await post(fixture, "/try/ping", { delay: "3600" });
  assertEquals([status, fixture.outbox.length], [303, 1]);
  const refused = await post(fixture, "/try/ping", { delay: "soon" });
  assertEquals(refused.status, 422);
  assertStringIncludes(refused.text, "options.countdown");
});

Deno.test("an invalid form is shown again with its mistakes, and submits nothing", async () => {
  await using fixture = await createFixture();
  const fields = { "input.text": "<hi>", "input.times": "0", "input.tags": "[" };
  const unreadable = await post(fixture, "/try/text.shout", fields);
  assertEquals(unreadable.status, 422);
  assertStringIncludes(unreadable.text, "kwargs.tags");
  assertStringIncludes(unreadable.text, "&lt;hi&gt;");
  assert(!unreadable.text.includes("curl"));
  const invalid = await post(fixture, "/try/text.shout", { ...fields, "input.tags": "" });
  assertEquals(invalid.status, 422);
  assertStringIncludes(invalid.text, "kwargs.times");
  assert(/name="input.times"[^>]*aria-invalid="true"/.test(invalid.text));
  assertEquals(await fixture.published("celeriac.text"), []);
});

Deno.test("the calls follow the form without submitting it", async () => {
  await using fixture = await createFixture({ page: { basePath: "/celeriac" } });
  const { status, text } = await post(fixture, "/try/text.shout", {
    "input.text": 'it\'s "true", null',
    action: "show",
  });
  assertEquals(status, 200);
  const code = [...text.matchAll(/<pre class="command"[^>]*><code>(.*?)<\/code>/gs)].map((
    [, one],
  ) => one!.replaceAll("&#39;", "'").replaceAll("&quot;", '"'));
  assertEquals(code.length, 3);
  assertStringIncludes(code[0]!, "/celeriac/v1/tasks/text.shout");
  assertStringIncludes(code[1]!, String.raw`{"kwargs":{"text":"it's \"true\", null"}}`);
  assertStringIncludes(code[2]!, String.raw`{"kwargs": {"text": "it's \"true\", null"}}`);
  assertEquals(await fixture.published("celeriac.text"), []);
});

Deno.test("a task can be edited and run again", async () => {
  await using fixture = await createFixture();
  fixture.records.put({
    id: "old",
    name: "add",
    state: "FAILURE",
    queue: "celeriac.text",
    labels: { order: "7" },
    input: '{"args":[7],"kwargs":{"y":8}}',
  });
  const { text } = await get(fixture, "/tasks/old");
  assertStringIncludes(text, 'href="/try/add?from=old"');
  const form = (await get(fixture, "/try/add?from=old")).text;
  assertStringIncludes(form, 'name="input.x" inputmode="decimal" value="7"');
  assertStringIncludes(form, 'name="input.y" inputmode="decimal" value="8"');
  const other = (await get(fixture, "/try/ping?from=old")).text;
  assert(!other.includes("task old"));
  const { location } = await post(fixture, "/try/add", {
    from: "old",
    "input.x": "7",
    "input.y": "9",
  });
  assert(/^\/tasks\/[\w-]+\?done=rerun$/.test(location), location);
  const [message] = await fixture.published("celeriac.text");
  const { args, kwargs, stamps } = decodeTask(message!);
  assertEquals([args, kwargs], [[], { x: 7, y: 9 }]);
  assertEquals(stamps, { order: "7", rerun_of: "old" });
  assertEquals(fixture.audit.entries.map(({ target }) => target), ["old"]);
});

Deno.test("an edited task keeps the values of fields that were not edited, and arguments without a field", async () => {
  await using fixture = await createFixture();
  fixture.records.put({
    id: "old",
    name: "loose",
    state: "FAILURE",
    input: '{"args":[],"kwargs":{"x":1,"id":12345678901234567890}}',
  });
  const form = await get(fixture, "/try/loose?from=old");
  assertEquals(form.status, 200);
  // No call over HTTP can contain such an integer.
  assert(!form.text.includes("curl"));
  const { status } = await post(fixture, "/try/loose", { from: "old", "input.x": "2" });
  assertEquals(status, 303);
  const [message] = await fixture.published();
  assertEquals(decodeTask(message!).kwargs, { x: 2, id: 12345678901234567890n });
});

Deno.test("readEdited() changes only fields whose text has changed", () => {
  const fields = inputFields(everyKind);
  const kwargs = { line: "a", page: "b\r\nc", count: 9007199254740993n, list: [{ n: 1 }] };
  const texts: Record<string, string> = {
    line: "d",
    page: "b\r\nc",
    count: "9007199254740993",
    colour: "red",
  };
  const read = readEdited({ kwargs, redacted: [] }, fields, (name) => texts[name] ?? "");
  // The field of `list` is empty now.
  const { list: _, ...others } = kwargs;
  assertEquals(read, { kwargs: { ...others, line: "d", colour: "red" }, errors: [] });
});

Deno.test("a redacted argument is left out of the form, which says so", async () => {
  await using fixture = await createFixture();
  fixture.records.put({
    id: "old",
    name: "text.shout",
    state: "FAILURE",
    input: '{"args":["[redacted]"],"kwargs":{"times":3},"redacted":["args.0"]}',
  });
  const { text } = await get(fixture, "/try/text.shout?from=old");
  assertStringIncludes(text, "Its record does not contain text: fill them in again.");
  assert(!text.includes("[redacted]"));
  assertStringIncludes(text, 'name="input.times" inputmode="decimal" value="3"');
});

Deno.test("a key tries the tasks that it may submit, and sees no arguments that it may not read", async () => {
  const limited = testKey({ scopes: ["tasks:submit", "tasks:read"], tasks: ["add"] });
  await using fixture = await keyedFixture([limited]);
  const headers = bearer(limited.token);
  const { text } = await get(fixture, "/try", headers);
  assertStringIncludes(text, "/try/add");
  assert(!text.includes("/try/ping"));
  assertEquals((await get(fixture, "/try/ping", headers)).status, 404);
  assertEquals((await post(fixture, "/try/ping", {}, headers)).status, 404);
  fixture.records.put({
    id: "old",
    name: "add",
    input: '{"args":["an argument"],"kwargs":{"y":8}}',
  });
  assert(!(await get(fixture, "/try/add?from=old", headers)).text.includes("an argument"));
});
