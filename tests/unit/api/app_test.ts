import { assertEquals, assertMatch } from "@std/assert";
import { createFixture } from "./fixture.ts";

Deno.test("createApp() keeps its paths such that one regular expression finds them", async () => {
  await using fixture = await createFixture();
  await fixture.app.request("/livez");
  assertEquals(fixture.app.router.name, "SmartRouter + RegExpRouter");
});

Deno.test("createApp() tells browsers not to guess, and its page to show nothing but itself", async () => {
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
