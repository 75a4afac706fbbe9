import { assertEquals, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../shared/errors.ts";
import { egressPolicy, egressRules, manifestRows } from "../../shared/manifest.ts";
import { defineTask, type SandboxDefinition, z } from "../../shared/mod.ts";

const input = z.object({});

function sandboxed(name: string, sandbox: SandboxDefinition) {
  return defineTask({ name, input, run: "process", sandbox });
}

Deno.test("manifestRows() tells where each task runs, what it may and how much", () => {
  const rows = manifestRows([
    defineTask({ name: "a", input }),
    defineTask({ name: "b", input, run: "process" }),
    sandboxed("c", { permissions: { net: ["x.example:443"], read: ["."] }, memoryMb: 64 }),
  ]);
  assertEquals(rows, [
    ["a", "inline", "all that its worker may", ""],
    ["b", "process", "nothing", "outputMb=64"],
    ["c", "process", "net=x.example:443 read=.", "memoryMb=64 outputMb=64"],
  ]);
});

Deno.test("egressRules() makes one rule for each destination, and none for inline tasks", () => {
  const rules = egressRules([
    defineTask({ name: "inline", input }),
    sandboxed("a", { permissions: { net: ["api.example.com:443", "[2001:db8::1]:80"] } }),
    sandboxed("b", { permissions: { net: ["other.example.com:443", "192.0.2.1"] } }),
    sandboxed("c", { permissions: { net: ["store.shop.svc.cluster.local:8080"] } }),
  ]);
  assertEquals(rules.length, 4);
  const shop = { matchLabels: { "kubernetes.io/metadata.name": "shop" } };
  assertEquals(rules.filter(({ to }) => "namespaceSelector" in to[0]!), [
    { to: [{ namespaceSelector: shop }], ports: [{ protocol: "TCP", port: 8080 }] },
  ]);
  assertEquals(rules.filter(({ ports }) => !ports), [{
    to: [{ ipBlock: { cidr: "192.0.2.1/32" } }],
  }]);
  const [open] = rules.filter(({ to }) => JSON.stringify(to).includes("0.0.0.0/0"));
  assertEquals(JSON.stringify(open).includes("169.254.0.0/16"), true); // never the cloud's metadata
});

Deno.test("egressPolicy() selects the workers, and holds the rules of all tasks, or none", () => {
  const task = sandboxed("a", { permissions: { net: ["192.0.2.1:443"] } });
  const { kind, spec } = egressPolicy([task]);
  assertEquals(kind, "NetworkPolicy");
  assertEquals(spec.podSelector.matchLabels["app.kubernetes.io/component"], "worker");
  assertEquals(spec.policyTypes, ["Egress"]);
  assertEquals(spec.egress, egressRules([task]));
  assertEquals(spec.egress.length, 1);
  assertEquals(egressPolicy([]).spec.egress, []);
  assertEquals(egressPolicy([], ["192.0.2.1:443"]).spec.egress, spec.egress);
});

Deno.test("defineTask() refuses a sandbox that cannot work", () => {
  const bad: SandboxDefinition[] = [
    { permissions: { net: ["*"] } },
    { permissions: { net: ["https://example.com"] } },
    { permissions: { read: ["relative/path"] } },
    { permissions: { read: ["/a,/b"] } },
    { permissions: { read: ["/"] } },
    { permissions: { env: ["A_*"] } },
    { permissions: { run: ["ls"] } as never },
    { memoryMb: 1 },
    { nice: -5 },
    { cpu: 0 },
    { memory: 64 } as never,
  ];
  for (const sandbox of bad) assertThrows(() => sandboxed("bad", sandbox), ConfigurationError);
  assertThrows(() => defineTask({ name: "inline", input, sandbox: {} }), ConfigurationError);
});
