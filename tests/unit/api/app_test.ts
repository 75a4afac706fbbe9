import { assertEquals, assertMatch } from "@std/assert";
import { createFixture } from "./fixture.ts";

Deno.test("createApp() routes all paths with one regular expression", async () => {
  await using fixture = await createFixture();
  await fixture.app.request("/livez");
  assertEquals(fixture.app.router.name, "SmartRouter + RegExpRouter");
});

Deno.test("createApp() sends nosniff, and a strict content security policy for its page", async () => {
  await using fixture = await createFixture();
  for (const path of ["/livez", "/v1/tasks/nobody", "/openapi.json", "/docs"]) {
    const { headers } = await fixture.app.request(path);
    assertEquals(headers.get("x-content-type-options"), "nosniff", path);
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin", path);
  }
  const { headers } = await fixture.app.request("/docs");
  assertEquals(headers.get("x-frame-options"), "DENY");
  assertMatch(headers.get("content-security-policy") ?? "", /^default-src 'none'; /);
});
