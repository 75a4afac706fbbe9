/** Holds the manifests against the types that are made of Kubernetes' own schemas: a wrong type, a missing or an unknown field. */
import { assert, assertEquals } from "@std/assert";
import manifest from "../../../deno.json" with { type: "json" };
import { type Manifest, nameOf, OVERLAYS, readManifests } from "../../support/manifests.ts";
import { Process } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

/** Where the package keeps the type of a core object. */
const models: Readonly<Record<string, string>> = {
  "v1": "v1",
  "apps/v1": "apps/v1",
  "batch/v1": "batch/v1",
  "policy/v1": "policy/v1",
  "autoscaling/v2": "autoscaling/v2",
  "networking.k8s.io/v1": "networking.k8s.io/v1",
};

/** Objects of others' schemas: a real API server looks at these. */
const foreign = ["keda.sh/v1alpha1"];

/** The package's modules: the scopes of deno.json do not reach a file outside of the checkout. */
const kubernetes = manifest.scopes["./tests/"]["kubernetes-models/"];

const lock = `--lock=${checkout}tests/deno.lock`;

/** What the compiler says of the objects, each written out as a value of its type. */
async function mistakes(manifests: readonly Manifest[]): Promise<string> {
  const known = manifests.filter(({ apiVersion }) => !foreign.includes(apiVersion));
  const lines = known.map((one, index) => {
    const module = models[one.apiVersion];
    assert(module, `no model of ${one.apiVersion} for ${nameOf(one)}`);
    const type = `import("${kubernetes}${module}/${one.kind}").I${one.kind}`;
    return `export const object${index}: ${type} = ${JSON.stringify(one)};`;
  });
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, lines.join("\n"));
  await using check = Process.start(Deno.execPath(), ["check", "--no-config", lock, file], {
    env: { NO_COLOR: "1" },
  });
  const { success } = await check.exit({ timeoutMs: 180_000 });
  await Deno.remove(file);
  return success ? "" : check.output;
}

Deno.test("every object matches the Kubernetes schemas without unknown fields", async () => {
  assertEquals(await mistakes(OVERLAYS.flatMap(readManifests)), "");
});

Deno.test("a misspelt field is found", async () => {
  const pod = { containers: [{ name: "a", image: "a:1", livenesProbe: {} }] };
  const wrong = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: pod };
  assert((await mistakes([wrong])).includes("livenesProbe"));
});
