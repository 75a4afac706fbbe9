/** Reads the manifests that `deno task manifests` renders.
 * @module
 */
import type { IContainer } from "kubernetes-models/v1/Container";
import type { IPodSpec } from "kubernetes-models/v1/PodSpec";
import type { IPodTemplateSpec } from "kubernetes-models/v1/PodTemplateSpec";
import { parseAllDocuments } from "yaml";

/** One object of a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [key: string]: unknown;
}

/** The pod template of an object. */
export interface Pod {
  readonly owner: Manifest;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: IPodSpec;
  /** Init containers first. */
  readonly containers: readonly IContainer[];
}

/** Rendered overlays. */
export const OVERLAYS = ["dev", "production"] as const;

const folder = new URL("../../infra/manifests/", import.meta.url);

/** Reads all objects of an overlay. */
export function readManifests(overlay: string): Manifest[] {
  return parseManifests(Deno.readTextFileSync(new URL(`${overlay}.yaml`, folder)));
}

/** Parses all objects of a YAML stream.
 *
 * @throws if a document is invalid YAML */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    return document.toJS();
  });
}

/** `Kind/name`. */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata.name}`;
}

/** Reads a field by its dotted path; `undefined` if absent. */
export function field(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined,
    value,
  );
}

/** Returns the pod templates of all objects. */
export function podsOf(manifests: readonly Manifest[]): Pod[] {
  return manifests.flatMap((owner) => {
    const path = owner.kind === "CronJob" ? "spec.jobTemplate.spec.template" : "spec.template";
    const template = field(owner, path) as IPodTemplateSpec | undefined;
    if (!template?.spec) return [];
    const { spec } = template;
    const containers = [...spec.initContainers ?? [], ...spec.containers ?? []];
    return [{ owner, labels: template.metadata?.labels ?? {}, spec, containers }];
  });
}

/** Whether a selector `{ matchLabels, matchExpressions }` matches these labels. */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = (selector ?? {}) as {
    matchLabels?: Record<string, string>;
    matchExpressions?: { key: string; operator: string; values?: string[] }[];
  };
  const all = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return all && matchExpressions.every(({ key, operator, values = [] }) => {
    const value = labels[key];
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}
