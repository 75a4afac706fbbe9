/** Applies every overlay and component to a real API server, without a dry run. */
import { assert, assertEquals } from "@std/assert";
import { get, kubectl, requireKeda } from "../support/deployment.ts";
import { type Manifest, nameOf, parseManifests } from "../support/manifests.ts";
import { checkout } from "../support/roles.ts";

const where = ["--namespace", "celeriac-tried"];

for (const overlay of ["dev", "fallback", "managed", "production"]) {
  const folder = `${checkout}tests/e2e/tried/${overlay}`;
  const objects = parseManifests(await kubectl("kustomize", folder));
  const name = `kubectl apply -k of ${overlay}: the API server takes every object, and again`;
  Deno.test(name, async () => {
    if (objects.some(({ kind }) => kind === "ScaledObject")) await requireKeda();
    try {
      await kubectl(...where, "apply", "--validate=strict", "-k", folder);
      const again = await kubectl(...where, "apply", "--validate=strict", "-k", folder);
      const lines = again.trim().split("\n");
      assertEquals(lines.length, objects.length);
      const { items } = await get(...where, "-k", folder) as unknown as { items: Manifest[] };
      assertEquals(items.map(nameOf).sort(), objects.map(nameOf).sort());
      assert(objects.length > 20);
    } finally {
      await kubectl("delete", "namespace", "celeriac-tried", "--ignore-not-found");
    }
  });
}
