/** Checks infra/compose.yaml with the loader of Docker Compose: schema, merges and paths. */
import { assert, assertEquals } from "@std/assert";
import { parse, stringify } from "yaml";
import { auditTool } from "../support/audit_tools.ts";
import { Process } from "../support/process.ts";
import { checkout } from "../support/roles.ts";

/** Returns the loaded file as JSON, or the loader's error. */
async function load(file: string): Promise<{ taken: boolean; said: string }> {
  const program = await auditTool("compose-go");
  await using loader = Process.start(program, ["-format=json", file]);
  const { success } = await loader.exit();
  return { taken: success, said: success ? loader.stdout : loader.output };
}

Deno.test("Docker Compose's loader accepts compose.yaml", async () => {
  const { taken, said } = await load(`${checkout}infra/compose.yaml`);
  assert(taken, said);
  const { services } = JSON.parse(said);
  const names = [
    "api",
    "apply",
    "beat",
    "definitions",
    "migrate",
    "postgres",
    "rabbitmq",
    "worker",
  ];
  assertEquals(Object.keys(services).sort(), names);
  assertEquals(services.worker.deploy.replicas, 2);
});

Deno.test("Docker Compose's loader rejects a service without an image", async () => {
  const wrong = parse(await Deno.readTextFile(`${checkout}infra/compose.yaml`), { merge: true });
  wrong.services.api.extends = { service: "nobody" };
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(file, stringify(wrong));
  const { taken, said } = await load(file);
  await Deno.remove(file);
  assert(!taken && said.includes("nobody"), said);
});
