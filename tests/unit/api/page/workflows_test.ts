import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { chain, chord, group, signature } from "../../../../shared/mod.ts";
import { createFixture, type Fixture } from "../fixture.ts";
import { bearer, keyedFixture, ROOT_TOKEN, testKey } from "../access/keys.ts";

const read = async (fixture: Fixture, path: string, token?: string) => {
  const headers = { accept: "text/html", ...(token && bearer(token)) };
  const answer = await fixture.app.request(path, { headers });
  return { status: answer.status, text: await answer.text() };
};

const submit = async (fixture: Fixture, body: unknown, token?: string) => {
  const answer = await fixture.post("/v1/workflows", body, token ? bearer(token) : {});
  assertEquals(answer.status, 202, await answer.clone().text());
  return await answer.json() as { id: string; tasks: { id: string; name: string }[] };
};

Deno.test("the page of workflows shows a command to paste, then what it submits", async () => {
  await using fixture = await createFixture();
  const { text } = await read(fixture, "/workflows");
  const [, body = ""] = /-d &#39;(.*)&#39;<\/code>/.exec(text)!;
  const { id } = await submit(fixture, JSON.parse(body.replaceAll("&quot;", '"')));
  const listed = (await read(fixture, "/workflows")).text;
  assertStringIncludes(listed, `href="/workflows/${id}"`);
  assertStringIncludes(listed, "0 of 2");
});

Deno.test("the page of a workflow draws steps as ordered and parallel tasks as unordered lists", async () => {
  await using fixture = await createFixture();
  const add = signature("add", { x: 1, y: 2 });
  const other = (name: string) => signature(name, {}, { options: { queue: "celery" } });
  const { id, tasks } = await submit(
    fixture,
    chain(
      add,
      chord([signature("loose", { x: 1 }, { immutable: true })], other("proj.sum")),
      group(
        signature("<b>", {}, { options: { queue: "celery" }, link: [other("after")] }),
        other("proj.end"),
      ),
    ),
  );
  fixture.records.put({ id: tasks[0]!.id, state: "FAILURE" });
  const { status, text } = await read(fixture, `/workflows/${id}`);
  assertEquals(status, 200);
  const flow = text.slice(text.indexOf('class="flow"'), text.indexOf("Workflow as JSON"));
  const shape = [...flow.matchAll(/<(\/?)(ol|ul)\b|>([^<>]+)<\/a>/g)]
    .map(([, end, tag, name]) => name ?? `${end}${tag}`);
  assertEquals(
    shape.join(" "),
    "ol add ol ul loose /ul proj.sum /ol ul &lt;b&gt; proj.end /ul /ol",
  );
  assertStringIncludes(flow, "on success: after");
  assertStringIncludes(flow, 'data-state="FAILURE"');
  assertStringIncludes(flow, `href="/tasks/${tasks[1]!.id}"`);
  assertStringIncludes(text, "1 of 5");
  assertStringIncludes(text, 'hx-get="/workflows/');
  assertEquals((await read(fixture, "/workflows/unknown")).status, 404);
});

Deno.test("a workflow that has ended shows its result and is not live", async () => {
  await using fixture = await createFixture();
  const { id, tasks } = await submit(fixture, group(signature("add", { x: 1, y: 2 })));
  for (const task of tasks) fixture.records.put({ id: task.id, state: "SUCCESS" });
  const { text } = await read(fixture, `/workflows/${id}`);
  assert(!text.includes("hx-get"), text);
  assertStringIncludes(text, 'data-state="SUCCESS"');
});

Deno.test("a large workflow is drawn in part, and its other tasks are counted", async () => {
  await using fixture = await createFixture();
  const body = group(...Array.from({ length: 60 }, () => signature("add", { x: 1, y: 2 })));
  const { id } = await submit(fixture, body);
  const { text } = await read(fixture, `/workflows/${id}`);
  assertEquals([...text.matchAll(/class="step"/g)].length, 50);
  assertStringIncludes(text, "10 more");
});

Deno.test("a key sees the workflows all of whose tasks it may see", async () => {
  const limited = testKey({ scopes: ["tasks:read"], tasks: ["add"] });
  await using fixture = await keyedFixture([limited]);
  const link = [
    signature("add", { x: 1, y: 2 }, { immutable: true }),
    signature("ping", {}, { immutable: true }),
  ];
  const own = await submit(
    fixture,
    group(signature("add", { x: 1, y: 2 }, { link })),
    ROOT_TOKEN,
  );
  const other = await submit(
    fixture,
    group(signature("add", { x: 1, y: 2 }), signature("ping")),
    ROOT_TOKEN,
  );
  const { text } = await read(fixture, "/workflows", limited.token);
  assertStringIncludes(text, own.id);
  assert(!text.includes(other.id));
  assertEquals((await read(fixture, `/workflows/${other.id}`, limited.token)).status, 404);
  const one = await read(fixture, `/workflows/${own.id}`, limited.token);
  assertStringIncludes(one.text, "tasks:read-data");
  // The callback `ping` does not exist for the key.
  assertStringIncludes(one.text, "on success: add<");
});
