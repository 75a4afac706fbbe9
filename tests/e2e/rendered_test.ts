/** Compares the rendered manifests in the checkout with the output of kubectl. */
import { assertEquals } from "@std/assert";
import { kubectl } from "../support/deployment.ts";
import { OVERLAYS } from "../support/manifests.ts";
import { checkout } from "../support/roles.ts";

for (const overlay of OVERLAYS) {
  Deno.test(`infra/manifests/${overlay}.yaml matches its overlay`, async () => {
    const text = await kubectl("kustomize", `${checkout}infra/k8s/overlays/${overlay}`);
    const file = `${checkout}infra/manifests/${overlay}.yaml`;
    assertEquals(await Deno.readTextFile(file), text, "run deno task manifests");
  });
}
