import { assertEquals, assertStringIncludes } from "@std/assert";
import { createFixture } from "./fixture.ts";

Deno.test("the API accepts only loopback and configured host names, but any for probes", async () => {
  await using fixture = await createFixture({
    hosts: ["tasks.example", "10.0.0.5"],
    onlyHosts: true,
  });
  const cases: [string, number][] = [
    ["localhost", 200],
    ["localhost:8000", 200],
    ["LocalHost.:8000", 200],
    ["app.localhost:8000", 200],
    ["127.0.0.1:8000", 200],
    ["127.1.2.3", 200],
    ["[::1]:8000", 200],
    ["tasks.example", 200],
    ["TASKS.example:443", 200],
    ["10.0.0.5:8000", 200],
    ["evil.example:8000", 421],
    ["localhost.evil.example", 421],
    ["127.0.0.1.evil.example", 421],
    ["evil-localhost", 421],
    ["tasks.example.evil.example", 421],
    ["10.0.0.50", 421],
    ["0.0.0.0:8000", 421],
    ["[::2]", 421],
    ["", 421],
  ];
  for (const [host, status] of cases) {
    const answer = await fixture.app.request("/openapi.json", { headers: { host } });
    await answer.body?.cancel();
    assertEquals(answer.status, status, host);
  }
  const posted = await fixture.post("/v1/tasks/ping", {}, { host: "evil.example" });
  const { type, detail } = await posted.json();
  assertEquals([posted.status, type], [421, "/problems/wrong-host"]);
  assertStringIncludes(detail, "CELERIAC_ALLOWED_HOSTS");
  assertEquals(await fixture.published(), []);
  for (const path of ["/livez", "/readyz"]) {
    const answer = await fixture.app.request(path, { headers: { host: "10.1.2.3:8000" } });
    await answer.body?.cancel();
    assertEquals(answer.status, 200);
  }
});

Deno.test("the API rejects cross-origin writes of a browser", async () => {
  await using fixture = await createFixture({ hosts: ["tasks.example"] });
  const host = "10.0.0.5:8000";
  const cases: [Record<string, string>, number][] = [
    [{}, 202],
    [{ "sec-fetch-site": "same-origin", origin: "https://outer.example" }, 202],
    [{ "sec-fetch-site": "none" }, 202],
    [{ "sec-fetch-site": "same-site" }, 403],
    [{ "sec-fetch-site": "cross-site", origin: `http://${host}` }, 403],
    [{ "sec-fetch-site": "new-kind" }, 403],
    [{ host, origin: `http://${host}` }, 202],
    [{ host, origin: `https://${host}` }, 202],
    [{ host, origin: "https://tasks.example" }, 202],
    [{ host, origin: "http://10.0.0.5:9000" }, 403],
    [{ host, origin: "http://10.0.0.5" }, 403],
    [{ host, origin: "https://evil.example" }, 403],
    [{ host, origin: `https://evil.example@${host}` }, 403],
    [{ host, origin: "null" }, 403],
    [{ host, origin: "" }, 403],
    [{ host, origin: `file://${host}` }, 403],
  ];
  for (const [headers, status] of cases) {
    const answer = await fixture.post("/v1/tasks/ping", {}, headers);
    await answer.body?.cancel();
    assertEquals(answer.status, status, JSON.stringify(headers));
  }
  assertEquals(
    (await fixture.published()).length,
    cases.filter(([, status]) => status === 202).length,
  );
  const read = await fixture.app.request("/openapi.json", {
    headers: { origin: "https://x.example" },
  });
  await read.body?.cancel();
  assertEquals(read.status, 200);
});
