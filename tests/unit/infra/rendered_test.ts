import { assertEquals } from "@std/assert";
import { OVERLAYS } from "../../support/manifests.ts";
import { run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

const program = Deno.env.get("KUBECTL") ?? "kubectl";
const found = await run(program, ["version", "--client"]).then(() => true, () => false);
if (!found) {
  console.warn("WARNING: no kubectl here: nobody compares infra/manifests with infra/k8s");
}

for (const overlay of OVERLAYS) {
  Deno.test({
    name: `infra/manifests/${overlay}.yaml is what the overlay says`,
    ignore: !found,
    async fn() {
      const text = await run(program, ["kustomize", `${checkout}infra/k8s/overlays/${overlay}`]);
      const file = `${checkout}infra/manifests/${overlay}.yaml`;
      assertEquals(await Deno.readTextFile(file), text, "run deno task manifests");
    },
  });
}
