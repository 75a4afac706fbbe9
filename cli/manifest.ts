/** What all tasks together may do: for people, and for the NetworkPolicy of the pods that run them. */
import { GRANTS, type Permissions } from "../shared/contracts/permissions.ts";
import type { SandboxLimits } from "../shared/contracts/sandbox_policy.ts";

/** What of a contract says where it runs and what it may. */
export interface Permitted {
  readonly name: string;
  readonly run: string;
  readonly permissions: Permissions;
  readonly sandbox: SandboxLimits;
  readonly untrusted: boolean;
}

/** One rule of a NetworkPolicy's `egress` (networking.k8s.io/v1). */
export interface EgressRule {
  readonly to: readonly object[];
  readonly ports?: readonly { readonly protocol: "TCP"; readonly port: number }[];
}

/** A NetworkPolicy of the workers' pods (networking.k8s.io/v1). */
export interface EgressPolicy {
  readonly apiVersion: "networking.k8s.io/v1";
  readonly kind: "NetworkPolicy";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly policyTypes: readonly ["Egress"];
    readonly egress: readonly EgressRule[];
  };
}

/** Addresses that are no public host: loopback, private and shared networks, link-local with the clouds' metadata. */
const NOT_PUBLIC = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
];

/** A service's name within the cluster: `service.namespace.svc`. */
const SERVICE = /^(?:\*|[\w-]+)\.([\w-]+)\.svc(?:\..*)?$/;

/** Rows of a table: a task, where it runs, what it may, its limits. */
export function manifestRows(contracts: Iterable<Permitted>): string[][] {
  return Array.from(contracts, ({ name, run, permissions, sandbox, untrusted }) => {
    const granted = GRANTS.flatMap((kind) =>
      permissions[kind].length > 0 ? [`${kind}=${permissions[kind].join(",")}`] : []
    );
    if (permissions.ffi) granted.push("ffi (native code: no permission confines it)");
    const limits = run === "process" ? Object.entries(sandbox) : [];
    return [
      name,
      untrusted ? `${run}, untrusted` : run,
      granted.join(" ") || "nothing",
      limits.flatMap(([limit, value]) => value === 0 ? [] : `${limit}=${value}`).join(" "),
    ];
  });
}

/** Egress that the tasks' `net` permissions need, each rule once.
 *
 * A NetworkPolicy knows addresses and no names: a name of a service in the cluster becomes its namespace, any
 * other name all public addresses on its port. Deno's own permission still holds the process to the name.
 *
 * @example
 * ```ts
 * import { egressRules } from "./manifest.ts";
 * import { defineTask, z } from "../shared/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const permissions = { net: ["192.0.2.7:443"] };
 * assertEquals(egressRules([defineTask({ name: "a", input: z.object({}), permissions })]), [{
 *   to: [{ ipBlock: { cidr: "192.0.2.7/32" } }],
 *   ports: [{ protocol: "TCP", port: 443 }],
 * }]);
 * ```
 */
export function egressRules(contracts: Iterable<Permitted>): EgressRule[] {
  const rules = Array.from(contracts).flatMap(({ permissions }) =>
    permissions.net.map((entry) => JSON.stringify(ruleOf(entry)))
  );
  return [...new Set(rules)].sort().map((rule) => JSON.parse(rule));
}

/** The NetworkPolicy that lets the workers' pods of infra/k8s reach what the tasks declare, beside the broker and
 * the database; one without rules lets them reach nothing. */
export function egressPolicy(contracts: Iterable<Permitted>): EgressPolicy {
  const matchLabels = {
    "app.kubernetes.io/name": "celeriac",
    "app.kubernetes.io/component": "worker",
  };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "worker-tasks" },
    spec: {
      podSelector: { matchLabels },
      policyTypes: ["Egress"],
      egress: egressRules(contracts),
    },
  };
}

function ruleOf(entry: string): EgressRule {
  const [, host = "", port] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
  const ports = port === undefined
    ? {}
    : { ports: [{ protocol: "TCP" as const, port: Number(port) }] };
  return { to: [peer(host)], ...ports };
}

function peer(host: string): object {
  if (host.startsWith("[")) return { ipBlock: { cidr: `${host.slice(1, -1)}/128` } };
  if (/^\d+(\.\d+){3}$/.test(host)) return { ipBlock: { cidr: `${host}/32` } };
  const namespace = SERVICE.exec(host)?.[1];
  if (namespace !== undefined) {
    return {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    };
  }
  return { ipBlock: { cidr: "0.0.0.0/0", except: NOT_PUBLIC } };
}
