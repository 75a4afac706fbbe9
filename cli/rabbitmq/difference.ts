/** Compares the state of a broker with its definitions. Pure. */
import { QUEUE_PREFIX } from "../../shared/broker/topology.ts";
import type { Definitions } from "./document.ts";

/** One difference from the definitions. */
export interface Difference {
  /** `extra`: exists without a definition, which is not an error. */
  readonly kind: "missing" | "different" | "extra";
  /** Such as `queue 'celeriac.default' in vhost 'celeriac'`. */
  readonly object: string;
  /** The differing properties with their defined values; never a password hash. */
  readonly detail?: string;
}

/** Properties of one object, by readable name. */
type Properties = Readonly<Record<string, unknown>>;

/** Describes a difference in one line.
 *
 * @example
 * ```ts
 * import { describeDifference } from "./difference.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   describeDifference({ kind: "missing", object: "user 'celeriac-api'" }),
 *   "missing: user 'celeriac-api'",
 * );
 * ```
 */
export function describeDifference({ kind, object, detail }: Difference): string {
  return `${kind}: ${object}${detail === undefined ? "" : ` (${detail})`}`;
}

/** Lists missing and different objects, then extra ones with names of Celeriac.
 *
 * Ignores the metadata of a vhost, which belongs to its owner. Compares passwords if `wanted` has hashes. */
export function diffDefinitions(wanted: Definitions, actual: Definitions): Difference[] {
  const there = objects(actual);
  const differences: Difference[] = [];
  for (const [object, properties] of objects(wanted)) {
    const found = there.get(object);
    if (found === undefined) {
      differences.push({ kind: "missing", object });
      continue;
    }
    const detail = changes(properties, found).join("; ");
    if (detail !== "") differences.push({ kind: "different", object, detail });
  }
  return [...differences, ...extras(wanted, actual)];
}

function objects(definitions: Definitions): Map<string, Properties> {
  const { users, vhosts, permissions, topic_permissions, policies, exchanges, queues, bindings } =
    definitions;
  return new Map<string, Properties>([
    ...users.map(({ name, tags, ...secret }) =>
      [`user '${name}'`, {
        tags: tags.toSorted(),
        ...(secret.password_hash === undefined
          ? {}
          : { password: new Secret(secret.password_hash) }),
      }] as const
    ),
    ...vhosts.map(({ name }) => [`vhost '${name}'`, {}] as const),
    ...permissions.map(({ user, vhost, ...rights }) =>
      [`permission of user '${user}' in vhost '${vhost}'`, rights] as const
    ),
    ...topic_permissions.map(({ user, vhost, exchange, ...rights }) =>
      [
        `topic permission of user '${user}' on exchange '${exchange}' in vhost '${vhost}'`,
        rights,
      ] as const
    ),
    ...policies.map(({ name, vhost, definition, ...rule }) =>
      [`policy '${name}' in vhost '${vhost}'`, { ...rule, ...definition }] as const
    ),
    ...exchanges.map(({ name, vhost, arguments: given, ...flags }) =>
      [`exchange '${name}' in vhost '${vhost}'`, { ...flags, ...given }] as const
    ),
    ...queues.map(({ name, vhost, arguments: given, ...flags }) =>
      [`queue '${name}' in vhost '${vhost}'`, { ...flags, ...given }] as const
    ),
    ...bindings.map((binding) => [bindingOf(binding), {}] as const),
  ]);
}

function bindingOf(binding: Definitions["bindings"][number]): string {
  const { vhost, source, destination, destination_type, routing_key, arguments: given } = binding;
  const matching = Object.keys(given).length > 0 ? `, arguments ${canonical(given)}` : "";
  return `binding of ${destination_type} '${destination}' to exchange '${source}' in vhost '${vhost}' (key '${routing_key}'${matching})`;
}

function changes(wanted: Properties, found: Properties): string[] {
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  return [...names].flatMap((name) => {
    const want = wanted[name];
    const have = found[name];
    if (have instanceof Secret || want instanceof Secret) {
      const differs = want instanceof Secret && !want.equals(have);
      return differs ? [`${name} is another`] : [];
    }
    if (canonical(want) === canonical(have)) return [];
    return [`${name} is ${canonical(have)}, wanted ${canonical(want)}`];
  });
}

function extras(wanted: Definitions, actual: Definitions): Difference[] {
  const known = objects(wanted);
  const ours: Definitions = {
    ...actual,
    users: [],
    vhosts: [],
    topic_permissions: [],
    exchanges: [],
    queues: actual.queues.filter(({ name }) => name.startsWith(QUEUE_PREFIX)),
    bindings: actual.bindings.filter(({ destination }) => destination.startsWith(QUEUE_PREFIX)),
  };
  return [...objects(ours).keys()]
    .filter((object) => !known.has(object))
    .sort()
    .map((object) => ({ kind: "extra", object }));
}

function canonical(value: unknown): string {
  if (value === undefined) return "absent";
  return JSON.stringify(
    value,
    (_key, part) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => a < b ? -1 : 1))
        : part,
  );
}

/** Compared, never shown. */
class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  equals(other: unknown): boolean {
    return other instanceof Secret && other.#value === this.#value;
  }
}
