import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Validator } from "@seriousme/openapi-schema-validator";
import { openApiDocument } from "../../../api/openapi/document.ts";
import { OPTION_NAMES } from "../../../api/options.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/registry.ts";
import { CONTRACTS, ground } from "./ground.ts";

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
    const verdict = await validator.validate(structuredClone(document(secured)) as Json);
    assertEquals([verdict.valid, verdict.errors ?? [], validator.version], [true, [], "3.1"]);
  }
});

Deno.test("openApiDocument() has no reference that leads nowhere", () => {
  const written = document(true);
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

Deno.test("openApiDocument() has one path for each task, with its schema and example", () => {
  const { paths, components } = document();
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

Deno.test("openApiDocument() names every route that the API serves", async () => {
  await using home = await ground();
  const { paths } = document();
  const served = home.app.routes.filter(({ method, path }) =>
    method !== "ALL" && !/^\/(problems|\*|$)/.test(path)
  );
  assert(served.length > 10);
  for (const { method, path } of served) {
    const submitting = method === "POST" && path === "/v1/tasks/:task";
    const template = submitting
      ? "/v1/tasks/add"
      : path.replace("/:task", "/{id}").replace(/\/:(\w+)/, "/{$1}");
    assert(paths[template]?.[method.toLowerCase()], `${method} ${path}`);
  }
});

Deno.test("openApiDocument() asks for the token everywhere but at the probes", () => {
  const { paths, security } = document(true) as ReturnType<typeof document> & { security: unknown };
  assertEquals(security, [{ token: [] }]);
  for (const [path, methods] of Object.entries(paths)) {
    for (const operation of Object.values(methods)) {
      const open = path === "/livez" || path === "/readyz";
      assertEquals("401" in (operation["responses"] as Json), !open, path);
      assertEquals("security" in operation, open, path);
    }
  }
});

Deno.test("GET /openapi.json and / lead to the description", async () => {
  await using home = await ground();
  const answer = await home.app.request("/openapi.json");
  const served = await answer.json();
  assertEquals([served.openapi, served.info.version], ["3.1.1", "1.2.3"]);
  const root = await home.app.request("/");
  assertEquals([root.status, root.headers.get("location")], [302, "/docs"]);
  const problem = await home.app.request("/problems/no-record");
  assertEquals(problem.headers.get("location"), "/docs#problem-no-record");
});

Deno.test("GET /docs is one page without script or address outside, and shows lines to paste", async () => {
  await using home = await ground();
  const answer = await home.app.request("http://example.test:8000/docs");
  const page = await answer.text();
  assertStringIncludes(answer.headers.get("content-type")!, "text/html");
  const policy = answer.headers.get("content-security-policy")!;
  assertStringIncludes(policy, "default-src 'none'");
  assert(!/<script|<iframe|<img|@import|url\(|src=/i.test(page));
  const links = [...page.matchAll(/href="([^"]*)"/g)].map(([, href]) => href!);
  assert(links.length > 20);
  assertEquals(links.filter((href) => !/^(#|\/|data:,)/.test(href)), []);
  const anchors = new Set([...page.matchAll(/id="([^"]*)"/g)].map(([, id]) => `#${id}`));
  assertEquals(links.filter((href) => href.startsWith("#") && !anchors.has(href)), []);
  assertStringIncludes(page, "curl -X POST 'http://example.test:8000/v1/tasks/add'");
});

Deno.test("GET /docs escapes what contracts say", async () => {
  const registry = new Registry([
    defineTask({
      name: "evil",
      summary: "<script>alert(1)</script>",
      input: z.object({ x: z.string().describe("<b>&") }),
      example: { x: "it's </pre><script>" },
    }),
  ]);
  await using home = await ground({}, { registry });
  const page = await (await home.app.request("/docs")).text();
  assert(!page.includes("<script") && !page.includes("<b>"));
  assertStringIncludes(page, "it&#39;\\&#39;&#39;s");
});
