/** Deploys the development overlay with one command to a cluster that has only the images. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  applyDefinitions,
  client,
  deploy,
  forward,
  kubectl,
  requireKeda,
  restarts,
  secret,
} from "../support/deployment.ts";
import { OVERLAYS, readManifests } from "../support/manifests.ts";
import { checkout } from "../support/roles.ts";

/** Usual seconds from apply to ready on an idle machine with the images present; more is reported as a warning. */
const USUAL = 90;

Deno.test("kubectl apply -k deploys everything without a container restart", async () => {
  const began = performance.now();
  await deploy("infra/k8s/overlays/dev");
  const seconds = (performance.now() - began) / 1000;
  console.log(`Ready ${Math.round(seconds)} s after apply`);
  if (seconds > USUAL) console.warn(`WARNING: that is more than ${USUAL} s`);
  assertEquals(await restarts(), 0);
});

Deno.test("a task submitted over HTTP succeeds", async () => {
  await using way = await forward("service/api", 80);
  const token = await secret("celeriac-api", "token");
  const answer = await fetch(`http://127.0.0.1:${way.port}/v1/tasks/add`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${token}`,
      "content-type": "application/json",
      "prefer": "wait=30",
    },
    body: '{"kwargs": {"x": 2, "y": 3}}',
  });
  const { state, result } = await answer.json();
  assertEquals({ state, result }, { state: "SUCCESS", result: 5 });
});

Deno.test("a task in a child process succeeds without network and write access", async () => {
  await using pod = await client("child");
  const token = await secret("celeriac-api", "token");
  const call = [
    `CELERIAC_API_TOKEN=${token}`,
    "celeriac",
    "call",
    "text.statistics",
    "text=one two",
    "--url=http://api",
  ];
  assertStringIncludes(await pod.exec("env", ...call), '"words": 2');
});

Deno.test("a container has no privileges, only the permissions of its role, and no test packages", async () => {
  for (const role of ["api", "worker", "beat"]) {
    const inside = (script: string) =>
      kubectl("exec", `deployment/${role}`, "-c", role, "--", "sh", "-c", script);
    assertEquals((await inside("id -u")).trim(), "1993");
    assertEquals((await inside("touch /app/new 2> /dev/null || echo refused")).trim(), "refused");
    const command = (await inside("tr '\\0' ' ' < /proc/1/cmdline")).split(" ");
    const ports = role === "api" ? "0.0.0.0:8000,0.0.0.0:9000" : "0.0.0.0:9000";
    assert(command.includes(`--allow-net=${ports},rabbitmq:5672,postgres:5432`), `${command}`);
    assert(command.includes("--cached-only") && command.includes("--no-prompt"), `${command}`);
    for (const flag of ["-A", "--allow-all", "--allow-write", "--allow-env", "--allow-ffi"]) {
      assert(!command.includes(flag), `${command}`);
    }
    const packages = (await inside("ls /deno-dir/npm/*")).split("\n");
    assert(packages.includes("amqplib"), `${packages}`);
    for (const name of ["autocannon", "fast-check", "kubernetes-models", "playwright-core"]) {
      assert(!packages.includes(name), name);
    }
  }
});

Deno.test("importing the definitions again changes nothing", async () => {
  assertStringIncludes(await applyDefinitions(), "nothing to change");
});

Deno.test("a real API server accepts the rendered manifests", async () => {
  for (const overlay of OVERLAYS) {
    const file = `${checkout}infra/manifests/${overlay}.yaml`;
    if (needsKeda(overlay)) await requireKeda();
    await kubectl("apply", "--dry-run=server", "--validate=strict", "-f", file);
  }
});

function needsKeda(overlay: string): boolean {
  return readManifests(overlay).some(({ apiVersion }) => apiVersion.startsWith("keda.sh/"));
}
