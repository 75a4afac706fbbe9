import { assertEquals, assertStringIncludes } from "@std/assert";
import { freshPipeline } from "../../support/pipeline.ts";
import { freePorts } from "../../support/ports.ts";
import { startApi } from "../../support/roles.ts";

Deno.test("an API with HEALTH_PORT serves probes and metrics there, and requires its token elsewhere", async () => {
  await using pipeline = await freshPipeline();
  const [port] = freePorts(1);
  const env = {
    ...pipeline.env,
    HEALTH_PORT: `${port}`,
    CELERIAC_API_TOKEN: "0123456789abcdef",
  };
  const { api, url } = await startApi({ env });
  await using _api = api;
  const answer = async (address: string) => {
    const response = await fetch(address);
    return { status: response.status, text: await response.text() };
  };
  const health = `http://127.0.0.1:${port}`;
  assertEquals((await answer(`${health}/readyz`)).status, 200);
  const metrics = await answer(`${health}/metrics`);
  assertEquals(metrics.status, 200);
  assertStringIncludes(metrics.text, "celeriac_dead_letters");
  assertEquals((await answer(`${health}/v1/tasks/add`)).status, 404);
  assertEquals((await answer(`${url}/metrics`)).status, 401);
});
