import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../shared/errors.ts";
import { egressPolicy, egressRules, manifestRows } from "../../../cli/manifest.ts";
import {
  defineTask,
  type PermissionsDefinition,
  type SandboxDefinition,
  z,
} from "../../../shared/mod.ts";

const input = z.object({});

function inChild(
  name: string,
  permissions: PermissionsDefinition,
  sandbox: SandboxDefinition = {},
) {
  return defineTask({ name, input, run: "process", permissions, sandbox });
}

function inline(name: string, permissions: PermissionsDefinition) {
  return defineTask({ name, input, permissions });
}

Deno.test("manifestRows() lists where each task runs, its permissions and its limits", () => {
  const rows = manifestRows([
    defineTask({ name: "a", input }),
    defineTask({ name: "b", input, run: "process" }),
    inChild("c", { net: ["x.example:443"], read: ["."], ffi: true }, { memoryMb: 64 }),
    inline("d", { env: ["SHOP_URL"] }),
    defineTask({ name: "e", input, run: "process", untrusted: true }),
    defineTask({ name: "f", input, run: "process", untrusted: true, sandbox: { maxTasks: 5 } }),
  ]);
  assertEquals(rows, [
    ["a", "inline", "nothing", ""],
    ["b", "process", "nothing", "outputMb=64"],
    [
      "c",
      "process",
      "net=x.example:443 read=. ffi (native code: no permission confines it)",
      "memoryMb=64 outputMb=64",
    ],
    ["d", "inline", "env=SHOP_URL", ""],
    ["e", "process, untrusted", "nothing", "maxTasks=1 outputMb=64"],
    ["f", "process, untrusted", "nothing", "maxTasks=5 outputMb=64"],
  ]);
});

Deno.test("egressRules() creates one rule for each destination, wherever the task runs", () => {
  const rules = egressRules([
    defineTask({ name: "nothing", input }),
    inChild("a", { net: ["api.example.com:443", "[2001:db8::1]:80"] }),
    inline("b", { net: ["other.example.com:443", "*.example.com:443", "192.0.2.1"] }),
    inline("c", { net: ["store.shop.svc.cluster.local:8080"] }),
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

Deno.test("egressPolicy() selects the workers, and contains the rules of all tasks, or none", () => {
  const task = inline("a", { net: ["192.0.2.1:443"] });
  const { kind, spec } = egressPolicy([task]);
  assertEquals(kind, "NetworkPolicy");
  assertEquals(spec.podSelector.matchLabels["app.kubernetes.io/component"], "worker");
  assertEquals(spec.policyTypes, ["Egress"]);
  assertEquals(spec.egress, egressRules([task]));
  assertEquals(spec.egress.length, 1);
  assertEquals(egressPolicy([]).spec.egress, []);
});

Deno.test("defineTask() rejects permissions that cannot be granted, and gives the reason", () => {
  const bad: [PermissionsDefinition, string][] = [
    [{ net: ["*"] }, "not a host or host:port"],
    [{ net: ["https://example.com"] }, "leave scheme and path out"],
    [{ net: ["example.com/path"] }, "leave scheme and path out"],
    [{ net: ["example.com:99999"] }, "not a host or host:port"],
    [{ net: ["a..example.com"] }, "not a host or host:port"],
    [{ net: ["::1"] }, "not a host or host:port"],
    [{ net: "example.com" as never }, 'net: ["example.com"]'],
    [{ net: [443 as never] }, "not a host or host:port"],
    [{ read: ["relative/path"] }, "import.meta.dirname"],
    [{ read: ["./templates"] }, "import.meta.dirname"],
    [{ read: ["/a,/b"] }, "without a comma"],
    [{ read: ["/"] }, "an absolute path"],
    [{ env: ["A_*"] }, "the name of one variable"],
    [{ env: ["A", ""] }, "the name of one variable"],
    [{ sys: ["--all"] }, "--allow-sys"],
    [{ run: ["ls"] } as never, "its 'permissions' has no key 'run'"],
    [{ ffi: ["libc.so"] as never }, "write ffi: true"],
  ];
  for (const [permissions, reason] of bad) {
    for (const define of [inChild, inline]) {
      const error = assertThrows(() => define("bad", permissions), ConfigurationError);
      assertStringIncludes(error.message, reason);
      assertStringIncludes(error.message, "Cannot define task 'bad'");
    }
  }
  for (const permissions of [{ read: ["."] }, { write: ["."] }, { ffi: true }]) {
    const error = assertThrows(() => inline("bad", permissions), ConfigurationError);
    assertStringIncludes(error.message, 'add run: "process"');
    inChild("good", permissions);
  }
});

Deno.test("defineTask() rejects an invalid sandbox", () => {
  const bad: SandboxDefinition[] = [
    { memoryMb: 1 },
    { nice: -5 },
    { cpu: 0 },
    { memory: 64 } as never,
  ];
  for (const sandbox of bad) assertThrows(() => inChild("bad", {}, sandbox), ConfigurationError);
  assertThrows(() => defineTask({ name: "inline", input, sandbox: {} }), ConfigurationError);
});
