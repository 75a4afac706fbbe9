import { assertEquals, assertStringIncludes } from "@std/assert";
import { createFixture } from "./fixture.ts";

const TOKEN = "correct horse battery staple";
const basic = (password: string) =>
  `Basic ${new TextEncoder().encode(`me:${password}`).toBase64()}`;

Deno.test("without a token the API is open", async () => {
  await using fixture = await createFixture();
  for (const path of ["/docs", "/openapi.json", "/metrics", "/v1/tasks"]) {
    const answer = await fixture.app.request(path);
    assertEquals(answer.status, 200, path);
    await answer.body?.cancel();
  }
});

Deno.test("with a token, everything except the probes requires it", async () => {
  await using fixture = await createFixture({ token: TOKEN.replaceAll(" ", "-") });
  for (const path of ["/livez", "/readyz"]) {
    const answer = await fixture.app.request(path);
    assertEquals(answer.status, 200, path);
    await answer.body?.cancel();
  }
  for (
    const path of [
      "/",
      "/docs",
      "/openapi.json",
      "/metrics",
      "/v1/tasks",
      "/v1/tasks/a",
      "/nothing",
    ]
  ) {
    const answer = await fixture.app.request(path);
    assertEquals(
      [answer.status, (await answer.json()).type],
      [401, "/problems/unauthorized"],
      path,
    );
    assertStringIncludes(answer.headers.get("www-authenticate")!, "Bearer");
  }
  const posted = await fixture.post("/v1/tasks/ping", {});
  assertEquals(posted.status, 401);
  await posted.body?.cancel();
  assertEquals(await fixture.published(), []);
});

Deno.test("the token is accepted as a bearer token", async () => {
  await using fixture = await createFixture({ token: "right-token-of-old" });
  const cases: [string, number][] = [
    ["Bearer right-token-of-old", 202],
    ["bearer right-token-of-old", 202],
    ["Bearer wrong-token-of-old", 401],
    ["Bearer right-token-of-ol", 401],
    ["Bearer ", 401],
    ["right-token-of-old", 401],
  ];
  for (const [authorization, status] of cases) {
    const answer = await fixture.post("/v1/tasks/ping", {}, { authorization });
    assertEquals(answer.status, status, authorization);
    await answer.body?.cancel();
  }
});

Deno.test("a browser may read, but not write, with the token as its password", async () => {
  await using fixture = await createFixture({ token: "right-token-of-old" });
  const refused = await fixture.app.request("/docs");
  assertStringIncludes(refused.headers.get("www-authenticate")!, "Basic realm=");
  await refused.body?.cancel();
  const cases: [string, string, number][] = [
    ["GET", basic("right-token-of-old"), 200],
    ["GET", basic("wrong"), 401],
    ["GET", "Basic %%%", 401],
    ["POST", basic("right-token-of-old"), 401],
  ];
  for (const [method, authorization, status] of cases) {
    const path = method === "GET" ? "/docs" : "/v1/tasks/ping";
    const answer = await fixture.app.request(path, { method, headers: { authorization } });
    assertEquals(answer.status, status, `${method} ${authorization}`);
    await answer.body?.cancel();
  }
});
