import { assertEquals } from "@std/assert";
import { createFixture } from "../fixture.ts";
import { ROUTE_SCOPES } from "../../../../api/access/route_scopes.ts";
import { bearer, keyedFixture, ROOT_TOKEN } from "./keys.ts";

const PAGE = "https://app.example";

/** Headers that a browser sends with a request of a page. */
const from = (origin: string) => ({ origin, "sec-fetch-site": "cross-site" });

Deno.test("by default no page of another site may call or read the API", async () => {
  await using fixture = await createFixture();
  const read = await fixture.app.request("/v1/tasks", { headers: from(PAGE) });
  await read.body?.cancel();
  assertEquals(read.headers.get("access-control-allow-origin"), null);
  const written = await fixture.post("/v1/tasks/ping", {}, from(PAGE));
  await written.body?.cancel();
  const preflight = await fixture.app.request("/v1/tasks/ping", {
    method: "OPTIONS",
    headers: { ...from(PAGE), "access-control-request-method": "POST" },
  });
  await preflight.body?.cancel();
  assertEquals([written.status, preflight.status], [403, 405]);
});

Deno.test("pages of allowed origins call and read the API with their own token", async () => {
  await using fixture = await keyedFixture([], { settings: { origins: [PAGE] } });
  const preflight = await fixture.app.request("/v1/tasks/ping", {
    method: "OPTIONS",
    headers: {
      ...from(PAGE),
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,idempotency-key",
    },
  });
  assertEquals(preflight.status, 204);
  assertEquals(preflight.headers.get("access-control-allow-origin"), PAGE);
  assertEquals(
    preflight.headers.get("access-control-allow-headers"),
    "authorization,content-type,idempotency-key",
  );
  assertEquals(preflight.headers.get("access-control-allow-credentials"), null);
  const methods = Object.keys(ROUTE_SCOPES).map((route) => route.slice(0, route.indexOf(" ")));
  assertEquals(
    new Set(preflight.headers.get("access-control-allow-methods")?.split(",")),
    new Set(["HEAD", ...methods]),
  );
  const statuses = [];
  for (const headers of [bearer(ROOT_TOKEN), {}]) {
    const answer = await fixture.post("/v1/tasks/ping", {}, { ...from(PAGE), ...headers });
    await answer.body?.cancel();
    statuses.push(answer.status);
    // The page can read the reason of a refusal, too.
    assertEquals(answer.headers.get("access-control-allow-origin"), PAGE);
  }
  assertEquals(statuses, [202, 401]);
});

Deno.test("an origin is compared exactly", async () => {
  await using fixture = await createFixture({ origins: [PAGE] });
  const others = [
    "http://app.example",
    "https://app.example:8443",
    "https://app.example.evil.example",
    "https://evil.example",
    "null",
  ];
  for (const origin of others) {
    const answer = await fixture.post("/v1/tasks/ping", {}, from(origin));
    await answer.body?.cancel();
    assertEquals(
      [answer.status, answer.headers.get("access-control-allow-origin")],
      [403, null],
      origin,
    );
  }
});
