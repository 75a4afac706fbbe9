import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Check, databaseCheck, healthRoutes } from "../../../shared/telemetry/health.ts";
import { Metrics } from "../../../shared/telemetry/metrics.ts";

const well: Check = { name: "well", look: () => ({ ok: true, state: "connected" }) };
const ill: Check = {
  name: "ill",
  look: () => ({ ok: false, state: "connecting", reason: "Cannot reach it" }),
};
const broken: Check = { name: "broken", look: () => Promise.reject(new Error("Cannot look")) };
const metrics = new Metrics();

async function ready(checks: Check[], readyWhen: "all" | "any"): Promise<[number, unknown]> {
  const routes = healthRoutes({ live: [], ready: checks, readyWhen, metrics });
  const answer = await routes.request("/readyz");
  return [answer.status, await answer.json()];
}

Deno.test("healthRoutes() answers 503 with reasons when one part is ill and all are needed", async () => {
  assertEquals(await ready([well, ill], "all"), [503, {
    ok: false,
    checks: {
      well: { ok: true, state: "connected" },
      ill: { ok: false, state: "connecting", reason: "Cannot reach it" },
    },
  }]);
});

Deno.test("healthRoutes() answers 200 when one part is well and any will do", async () => {
  const [status, body] = await ready([ill, well], "any");
  assertEquals([status, (body as { ok: boolean }).ok], [200, true]);
  assertEquals((await ready([ill, broken], "any"))[0], 503);
  assertEquals((await ready([], "any"))[0], 200);
});

Deno.test("healthRoutes() reports a check that throws", async () => {
  const [status, body] = await ready([broken], "all");
  assertEquals([status, body], [503, {
    ok: false,
    checks: { broken: { ok: false, state: "unreachable", reason: "Cannot look" } },
  }]);
});

Deno.test("healthRoutes() does not wait for a check that never answers", async () => {
  const silent: Check = { name: "silent", look: () => new Promise(() => {}) };
  const [status, body] = await ready([silent, well], "all");
  assertEquals([status, (body as { checks: { silent: { state: string } } }).checks.silent.state], [
    503,
    "silent",
  ]);
});

Deno.test("healthRoutes() serves liveness and metrics", async () => {
  const routes = healthRoutes({ live: [ill], ready: [well], metrics });
  const live = await routes.request("/livez");
  assertEquals([live.status, live.headers.get("cache-control")], [503, "no-store"]);
  await live.body?.cancel();
  const answer = await routes.request("/metrics");
  assertStringIncludes(answer.headers.get("content-type")!, "text/plain");
  assertStringIncludes(await answer.text(), "celeriac_resident_memory_bytes");
});

Deno.test("databaseCheck() names missing migrations and the command", async () => {
  const writable = () => Promise.resolve(undefined);
  assertEquals(await databaseCheck(() => Promise.resolve([]), writable).look(), {
    ok: true,
    state: "connected",
  });
  const { ok, reason } = await databaseCheck(() => Promise.resolve(["0002_outbox"]), writable)
    .look();
  assertEquals(ok, false);
  assertStringIncludes(reason!, "0002_outbox");
  assertStringIncludes(reason!, "deno task migrate");
});

Deno.test("databaseCheck() is not well where nothing can be written", async () => {
  const check = databaseCheck(() => Promise.resolve([]), () => Promise.resolve("a standby"));
  assertEquals(await check.look(), { ok: false, state: "read-only", reason: "a standby" });
});
