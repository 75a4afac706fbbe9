/** Reading a broker's definitions, and making them what they should be. */
import type { Management } from "./management.ts";
import { diffDefinitions, type Difference } from "./difference.ts";
import { type Definitions, parseDefinitions, vhostsOf } from "./document.ts";

/** What {@linkcode applyDefinitions} did. */
export interface Applied {
  /** Differences that were corrected. */
  readonly changed: readonly Difference[];
  /** Remaining differences: RabbitMQ silently keeps an existing queue or exchange with other arguments. */
  readonly left: readonly Difference[];
}

/** All users, and what there is in some vhosts; a vhost that does not exist is left out.
 *
 * @throws {ConfigurationError} when the user is no administrator
 * @throws {BrokerUnavailable} when the broker cannot be reached or fails */
export async function readDefinitions(
  management: Management,
  vhosts: readonly string[],
): Promise<Definitions> {
  const users = await management.get("/users");
  const merged = parseDefinitions({ users });
  for (const name of vhosts) {
    const path = encodeURIComponent(name);
    const vhost = await management.find(`/vhosts/${path}`);
    if (vhost === undefined) continue;
    const [inside, permissions, topic_permissions] = await Promise.all([
      management.get(`/definitions/${path}`),
      management.get(`/vhosts/${path}/permissions`),
      management.get(`/vhosts/${path}/topic-permissions`),
    ]);
    const { policies, exchanges, queues, bindings } = inside as Record<string, object[]>;
    const here = parseDefinitions({
      vhosts: [vhost],
      permissions,
      topic_permissions,
      policies: within(name, policies),
      exchanges: within(name, exchanges),
      queues: within(name, queues),
      bindings: within(name, bindings),
    });
    for (const key of Object.keys(merged) as (keyof Definitions)[]) {
      (merged[key] as unknown[]).push(...here[key]);
    }
  }
  return merged;
}

/** Imports a rendered document and looks whether the broker took it. Nothing is ever deleted, no existing vhost's metadata changed;
 * when nothing is missing or different nothing is sent.
 *
 * @throws {ConfigurationError} when the broker refuses the document, or the user is no administrator. What comes earlier in RabbitMQ's
 * order (users, vhosts, permissions, exchanges, policies, queues, bindings) is then in force: mend and apply again
 * @throws {BrokerUnavailable} when the broker cannot be reached or fails */
export async function applyDefinitions(
  management: Management,
  wanted: Definitions,
): Promise<Applied> {
  const vhosts = vhostsOf(wanted);
  const before = await readDefinitions(management, vhosts);
  const due = needed(wanted, before);
  if (due.length === 0) return { changed: [], left: [] };
  const existing = before.vhosts.map(({ name }) => name);
  await management.post("/definitions", {
    ...wanted,
    vhosts: wanted.vhosts.filter(({ name }) => !existing.includes(name)),
  });
  const left = needed(wanted, await readDefinitions(management, vhosts));
  const stuck = new Set(left.map(({ object }) => object));
  return { changed: due.filter(({ object }) => !stuck.has(object)), left };
}

function needed(wanted: Definitions, actual: Definitions): Difference[] {
  return diffDefinitions(wanted, actual).filter(({ kind }) => kind !== "extra");
}

function within(vhost: string, rows: readonly object[] = []): object[] {
  return rows.map((row) => ({ ...row, vhost }));
}
