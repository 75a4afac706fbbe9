import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Validator } from "@seriousme/openapi-schema-validator";
import { openApiDocument } from "../../../api/openapi/document.ts";
import { OPTION_NAMES } from "../../../api/submitting/options.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { PAGE_SCOPES } from "../../../api/access/page_scopes.ts";
import { CONTRACTS, createFixture } from "./fixture.ts";

type Json = Record<string, unknown>;

interface Node {
  readonly value: string;
  readonly inner: Node[];
}

/** A schema that points into itself, and one of each thing that zod may not be able to say in JSON Schema. */
const Tree: z.ZodType<Node> = z.object({
  value: z.string(),
  get inner() {
    return z.array(Tree);
  },
});

const ODD = [
  ...CONTRACTS,
  defineTask({ name: "tree.walk", input: z.object({ root: Tree }), output: Tree }),
  defineTask({
    name: "odd",
    input: z.object({
      when: z.iso.datetime({ offset: true }),
      length: z.string().transform((text) => text.length),
      any: z.custom<string>(),
      choice: z.union([z.literal("a"), z.number(), z.null()]).default("a"),
    }),
  }),
];

function document(secured = false) {
  const registry = new Registry(ODD);
  return openApiDocument({ registry, secured, maxWait: 60, batchLimit: 10, version: "1.2.3" });
}

Deno.test("openApiDocument() writes valid OpenAPI 3.1 with and without a token", async () => {
  for (const secured of [false, true]) {
    const validator = new Validator();
    const verdict = await validator.validate(structuredClone(await document(secured)) as Json);
    assertEquals([verdict.valid, verdict.errors ?? [], validator.version], [true, [], "3.1"]);
  }
});

Deno.test("openApiDocument() has no broken reference", async () => {
  const written = await document(true);
  const references = new Set<string>();
  JSON.stringify(written, (key, value) => {
    if (key === "$ref") references.add(value);
    return value;
  });
  assert(references.size > 10);
  for (const reference of references) {
    const target = reference.replace(/^#\//, "").split("/").reduce<unknown>(
      (node, part) => (node as Json | undefined)?.[part],
      written,
    );
    assert(target !== undefined, reference);
  }
});

Deno.test("openApiDocument() has one path for each task, with its schema and example", async () => {
  const { paths, components } = await document();
  for (const { name } of ODD) assert(paths[`/v1/tasks/${name}`]?.["post"], name);
  const body = paths["/v1/tasks/add"]!["post"]!["requestBody"] as { content: Record<string, Json> };
  assertEquals(body.content["application/json"]!["example"], { kwargs: { x: 2, y: 3 } });
  const { properties, required, additionalProperties } = components.schemas["add.input"]!;
  assertEquals([Object.keys(properties as Json), required, additionalProperties], [["x", "y"], [
    "x",
    "y",
  ], false]);
  assertEquals(components.schemas["loose.input"]!["additionalProperties"], {});
  assertEquals(Object.keys(components.schemas["Options"]!["properties"] as Json), OPTION_NAMES);
});

Deno.test("openApiDocument() describes every route of the API", async () => {
  await using fixture = await createFixture();
  const { paths } = await document();
  const served = fixture.app.routes.filter(({ method, path }) =>
    method !== "ALL" && !/^\/(problems|\*)/.test(path) && !(`${method} ${path}` in PAGE_SCOPES)
  );
  assert(served.length > 10);
  for (const { method, path } of served) {
    const submitting = method === "POST" && path === "/v1/tasks/:task";
    const template = submitting
      ? "/v1/tasks/add"
      : path.replace(/\/:task(?!\/pause)/, "/{id}").replace(/\/:(\w+)/, "/{$1}");
    assert(paths[template]?.[method.toLowerCase()], `${method} ${path}`);
  }
});

Deno.test("openApiDocument() requires scopes everywhere except for the probes", async () => {
  const { paths, security } = await document(true);
  assertEquals(security, [{ key: [] }, { jwt: [] }, { token: [] }]);
  for (const [path, methods] of Object.entries(paths)) {
    for (const operation of Object.values(methods)) {
      const open = path === "/livez" || path === "/readyz";
      assertEquals("401" in (operation["responses"] as Json), !open, path);
      const [{ key = undefined } = {}] = operation["security"] as { key?: string[] }[];
      assertEquals(key === undefined, open, path);
      assert(open || key!.length > 0, `${path} names no scope`);
    }
  }
});

Deno.test("GET /openapi.json serves the document and supports If-None-Match", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.app.request("/openapi.json");
  const served = await answer.json();
  assertEquals([served.openapi, served.info.version], ["3.1.1", "1.2.3"]);
  for (const path of ["/openapi.json", "/docs"]) {
    const first = await fixture.app.request(path);
    await first.body?.cancel();
    const headers = { "if-none-match": first.headers.get("etag")! };
    const again = await fixture.app.request(path, { headers });
    assertEquals([again.status, await again.text()], [304, ""]);
  }
  const problem = await fixture.app.request("/problems/no-record");
  assertEquals(problem.headers.get("location"), "/docs#problem-no-record");
});

Deno.test("GET /docs is one page without external scripts or URLs, with commands to copy", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.app.request("http://example.test:8000/docs");
  const page = await answer.text();
  assertStringIncludes(answer.headers.get("content-type")!, "text/html");
  const policy = answer.headers.get("content-security-policy")!;
  assertStringIncludes(policy, "default-src 'none'");
  assert(!/<script|<iframe|<img|@import|url\(|src=/i.test(page));
  const links = [...page.matchAll(/href="([^"]*)"/g)].map(([, href]) => href!);
  assert(links.length > 20);
  // Relative, so that they stay below the base path of a proxy.
  const others = links.filter((href) => !/^(#|data:,)/.test(href));
  assertEquals(others, ["./", "openapi.json"]);
  const anchors = new Set([...page.matchAll(/id="([^"]*)"/g)].map(([, id]) => `#${id}`));
  assertEquals(links.filter((href) => href.startsWith("#") && !anchors.has(href)), []);
  assertStringIncludes(page, "curl -X POST &#39;http://example.test:8000/v1/tasks/add&#39;");
});

Deno.test("GET /docs escapes texts of contracts", async () => {
  const registry = new Registry([
    defineTask({
      name: "evil",
      summary: "<script>alert(1)</script>",
      input: z.object({ x: z.string().describe("<b>&") }),
      example: { x: "it's </pre><script>" },
    }),
  ]);
  await using fixture = await createFixture({}, { registry });
  const page = await (await fixture.app.request("/docs")).text();
  assert(!page.includes("<script") && !page.includes("<b>"));
  assertStringIncludes(page, "it&#39;\\&#39;&#39;s");
});

Deno.test("GET / lists tasks and links as HTML for a browser and as JSON for a program", async () => {
  await using fixture = await createFixture();
  const page = await fixture.app.request("/", { headers: { accept: "text/html,*/*;q=0.8" } });
  const text = await page.text();
  assertStringIncludes(page.headers.get("content-security-policy")!, "default-src 'none'");
  for (const name of CONTRACTS.map((contract) => contract.name)) {
    assertStringIncludes(text, `href="/docs#submit.${name}"`);
  }
  for (const path of ["/docs", "/openapi.json", "/readyz"]) {
    assertStringIncludes(text, `href="${path}"`);
  }
  const json = await fixture.app.request("/", { headers: { accept: "application/json" } });
  const { name, version, tasks, links } = await json.json();
  assertEquals([name, version, tasks.length], ["Celeriac", "1.2.3", CONTRACTS.length]);
  assertEquals([links.docs, links.openapi], ["/docs", "/openapi.json"]);
});

Deno.test("GET /docs lists tasks by name, fields of nested objects, and a command for every task", async () => {
  const registry = new Registry([
    defineTask({ name: "zebra", input: z.object({}) }),
    defineTask({
      name: "order.place",
      input: z.object({
        customer: z.object({ address: z.object({ city: z.string().min(3) }) }),
        items: z.array(z.object({ sku: z.string(), count: z.int().default(1) })).min(1),
        pay: z.discriminatedUnion("by", [
          z.object({ by: z.literal("card"), number: z.string() }),
          z.object({ by: z.literal("bill"), days: z.int().optional() }),
        ]).nullable(),
      }),
    }),
    defineTask({ name: "Apple", input: z.object({ even: z.int().refine((n) => n % 7 === 3) }) }),
  ]);
  await using fixture = await createFixture({}, { registry });
  const page = await (await fixture.app.request("/docs")).text();
  const headings = [...page.matchAll(/<h3>([\w.]+)<\/h3>/g)].map(([, name]) => name);
  assertEquals(headings, ["Apple", "order.place", "zebra"]);
  for (
    const field of [
      "customer.address.city",
      "items[].sku",
      "items[].count",
      "pay.by",
      "pay.number",
      "pay.days",
    ]
  ) {
    assertStringIncludes(page, `<code>${field}</code>`);
  }
  assertEquals(page.match(/curl -X POST/g)?.length, 2);
  assertStringIncludes(page, "No valid example can be made from its schema");
});

Deno.test("openApiDocument() yields to other requests while it describes a large app", async () => {
  const contracts = Array.from(
    { length: 300 },
    (_, index) => defineTask({ name: `t${index}`, input: z.object({ x: z.number() }) }),
  );
  const registry = new Registry(contracts);
  let turns = 0;
  const turn = setInterval(() => turns++, 0);
  const written = await openApiDocument({
    registry,
    secured: false,
    maxWait: 60,
    batchLimit: 10,
    version: "1",
  });
  clearInterval(turn);
  assert(turns > 2, `${turns} turns`);
  assert(written.paths["/v1/tasks/t299"]);
});
