import { assert, assertEquals, assertFalse } from "@std/assert";
import { TcpProxy } from "../../support/proxy.ts";
import { freshPipeline, type Pipeline, submit } from "../../support/pipeline.ts";
import { freePorts } from "../../support/ports.ts";
import { startApi, startRole } from "../../support/roles.ts";
import { management } from "../../support/servers.ts";

const password = "do-not-print-me";

/** Variables that point to the pipeline's servers through a loopback port without a listener. */
async function detour(pipeline: Pipeline, port: number): Promise<Record<string, string>> {
  const { name, managementUrl } = pipeline.vhost;
  await management(managementUrl, "PUT", `/api/users/${name}`, { password, tags: "" });
  const all = { configure: ".*", write: ".*", read: ".*" };
  await management(managementUrl, "PUT", `/api/permissions/${name}/${name}`, all);
  return { ...pipeline.env, AMQP_URL: `amqp://${name}:${password}@127.0.0.1:${port}/${name}` };
}

Deno.test("a worker without a broker logs one line and starts when the broker does", async () => {
  await using pipeline = await freshPipeline();
  const [port = 0] = freePorts(1);
  const env = await detour(pipeline, port);
  await using worker = await startRole("worker", { env });
  await worker.said(new RegExp(`127\\.0\\.0\\.1:${port}.*\n`));
  assert(worker.running);
  assertFalse(worker.output.includes(password), worker.output);
  assertFalse(/^\s+at /m.test(worker.output), worker.output);
  assertFalse(/ready: consuming/.test(worker.output), worker.output);

  await using _broker = TcpProxy.of(pipeline.vhost.url, { port });
  await worker.said(/ready: consuming/);
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const { state } = await submit(url, "test.sleep", { args: [0] }, { prefer: "wait=30" });
  assertEquals(state, "SUCCESS");
  await management(pipeline.vhost.managementUrl, "DELETE", `/api/users/${pipeline.vhost.name}`);
});

Deno.test("a worker that stops before it consumes never reports ready", async () => {
  await using pipeline = await freshPipeline();
  const [port = 0] = freePorts(1);
  const env = await detour(pipeline, port);
  await using worker = await startRole("worker", { env });
  await worker.said(new RegExp(`127\\.0\\.0\\.1:${port}.*\n`));
  worker.kill("SIGTERM");
  const { code } = await worker.exit({ timeoutMs: 60_000 });
  assertEquals(code, 0, worker.output);
  assertFalse(/ready/.test(worker.output), worker.output);
});

Deno.test("a role on a used port names the port and its flag", async () => {
  await using pipeline = await freshPipeline();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  for (const [role, name] of [["worker", "HEALTH_PORT"], ["api", "PORT"]] as const) {
    await using process = await startRole(role, { env: { ...pipeline.env, [name]: `${port}` } });
    const { code } = await process.exit({ timeoutMs: 60_000 });
    assertEquals(code, 2, process.output);
    assert(process.output.includes(`${port}`), process.output);
    assert(process.output.includes(`--${name.toLowerCase().replace("_", "-")}`), process.output);
  }
});

Deno.test("an API without a database logs one line and starts when the database does", async () => {
  await using pipeline = await freshPipeline();
  const [port = 0] = freePorts(1);
  const address = new URL(pipeline.database.url);
  const secret = address.password || password;
  const detoured = new URL(address);
  detoured.port = `${port}`;
  detoured.password = secret; // a server that trusts loopback does not look at it
  const env = { ...pipeline.env, DATABASE_URL: detoured.href, PORT: "0" };
  await using api = await startRole("api", { env });
  await api.said(new RegExp(`127\\.0\\.0\\.1:${port}.*\n`));
  assert(api.running);
  assertFalse(api.output.includes(secret), api.output);
  assertFalse(/^\s+at /m.test(api.output), api.output);

  await using _database = TcpProxy.of(address.href, { port });
  await api.said(/ready at http:/);
});
