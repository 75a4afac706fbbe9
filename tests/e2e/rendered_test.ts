/** The rendered manifests in the checkout, compared with what kubectl renders. */
import { assertEquals } from "@std/assert";
import { kubectl } from "../support/deployment.ts";
import { OVERLAYS } from "../support/manifests.ts";
import { checkout } from "../support/roles.ts";

for (const overlay of OVERLAYS) {
  Deno.test(`infra/manifests/${overlay}.yaml is what the overlay says`, async () => {
    const text = await kubectl("kustomize", `${checkout}infra/k8s/overlays/${overlay}`);
    const file = `${checkout}infra/manifests/${overlay}.yaml`;
    assertEquals(await Deno.readTextFile(file), text, "run deno task manifests");
  });
}
