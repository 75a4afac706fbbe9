import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ROUTE_SCOPES } from "../../../../api/access/route_scopes.ts";
import { type Scope, SCOPE_NAMES } from "../../../../api/access/scopes.ts";
import { createFixture } from "../fixture.ts";
import { bearer, keyedFixture, testKey } from "./keys.ts";

const SECURED = Object.entries(ROUTE_SCOPES).flatMap(([route, required]) =>
  required === "open" ? [] : [[route, required] as const]
);

/** A request that reaches the route. What it answers does not matter here, except 401 and 403. */
function requestFor(route: string): [path: string, init: RequestInit] {
  const [method = "", path = ""] = route.split(" ");
  const body = method === "POST" ? "{}" : undefined;
  return [
    path.replaceAll(/(?<=\/):\w+/g, "a"),
    { method, ...(body && { body, headers: { "content-type": "application/json" } }) },
  ];
}

Deno.test("ROUTE_SCOPES contains exactly the routes of the app", async () => {
  await using fixture = await createFixture();
  const served = fixture.app.routes.flatMap(({ method, path }) =>
    method === "ALL" ? [] : [`${method} ${path}`]
  );
  assertEquals([...new Set(served)].sort(), Object.keys(ROUTE_SCOPES).sort());
});

Deno.test("every scope is required by a route, or concerns data in responses", () => {
  const required = new Set(SECURED.flatMap(([, scopes]) => scopes));
  assertEquals(SCOPE_NAMES.filter((scope) => !required.has(scope)), []);
  for (const [route, scopes] of SECURED) assert(scopes.length > 0, route);
});

for (const [route, required] of SECURED) {
  Deno.test(`${route} requires credentials`, async () => {
    await using fixture = await keyedFixture([]);
    const [path, init] = requestFor(route);
    const answer = await fixture.app.request(path, init);
    assertEquals([answer.status, (await answer.json()).type], [401, "/problems/unauthorized"]);
  });

  for (const scope of required) {
    Deno.test(`${route} requires the scope ${scope}`, async () => {
      const others = SCOPE_NAMES.filter((one) => one !== scope);
      const lacking = testKey({ scopes: others });
      const sufficient = testKey({ scopes: required });
      await using fixture = await keyedFixture([lacking, sufficient]);
      const send = (token: string) => {
        const [path, init] = requestFor(route);
        return fixture.app.request(path, {
          ...init,
          headers: { ...init.headers, ...bearer(token) },
        });
      };
      const refused = await send(lacking.token);
      assertEquals(refused.status, 403);
      assertStringIncludes(refused.headers.get("www-authenticate")!, `scope="${scope}"`);
      assertStringIncludes((await refused.json()).detail, `lacks the scope '${scope}'`);
      const accepted = await send(sufficient.token);
      await accepted.body?.cancel();
      assert(accepted.status !== 401 && accepted.status !== 403, `${accepted.status}`);
    });
  }
}

Deno.test("wildcards include the scopes of their group", async () => {
  const cases: [scopes: string[], path: string, status: number][] = [
    [["tasks:*"], "/v1/tasks", 200],
    [["tasks:*"], "/metrics", 403],
    [["*"], "/metrics", 200],
  ];
  const keys = cases.map(([scopes]) => testKey({ scopes }));
  await using fixture = await keyedFixture(keys);
  for (const [index, [, path, status]] of cases.entries()) {
    const answer = await fixture.app.request(path, { headers: bearer(keys[index]!.token) });
    await answer.body?.cancel();
    assertEquals(answer.status, status, path);
  }
});

Deno.test("the types and the stream of events require the scope of events", async () => {
  const lacking = testKey({ scopes: SCOPE_NAMES.filter((scope) => scope !== "events:read") });
  const sufficient = testKey({ scopes: ["events:read"] });
  await using fixture = await keyedFixture([lacking, sufficient]);
  for (const path of ["/v1/events/types", "/v1/events/stream"]) {
    const statuses = [];
    for (const { token } of [lacking, sufficient]) {
      const answer = await fixture.app.request(path, { method: "HEAD", headers: bearer(token) });
      statuses.push(answer.status);
    }
    assertEquals(statuses, [403, 200], path);
  }
});

Deno.test("HEAD requires the scope of GET", async () => {
  const scopes: Scope[] = ["metrics:read"];
  const key = testKey({ scopes });
  await using fixture = await keyedFixture([key]);
  const statuses = [];
  for (const path of ["/metrics", "/v1/tasks"]) {
    const answer = await fixture.app.request(path, { method: "HEAD", headers: bearer(key.token) });
    statuses.push(answer.status);
  }
  assertEquals(statuses, [200, 403]);
});

Deno.test("the probes need no credentials", async () => {
  await using fixture = await keyedFixture([]);
  for (const path of ["/livez", "/readyz"]) {
    const answer = await fixture.app.request(path);
    await answer.body?.cancel();
    assertEquals(answer.status, 200, path);
  }
});
