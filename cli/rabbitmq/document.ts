/** RabbitMQ's definitions document: as much of it as we write and compare.
 *
 * Shape: RabbitMQ documentation, "Schema Definition Export and Import". Unknown keys are dropped when read, as the broker does.
 * @module
 */
import { z } from "zod";

const rows = <Row extends z.ZodType>(row: Row) => z.array(row).default([]);
const table = z.record(z.string(), z.unknown()).default({});

const userRow = z.object({
  name: z.string(),
  tags: z.array(z.string()).default([]),
  password_hash: z.string().optional(),
  hashing_algorithm: z.string().optional(),
});
const vhostRow = z.object({
  name: z.string(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
const permissionRow = z.object({
  user: z.string(),
  vhost: z.string(),
  configure: z.string(),
  write: z.string(),
  read: z.string(),
});
const topicPermissionRow = z.object({
  user: z.string(),
  vhost: z.string(),
  exchange: z.string(),
  write: z.string(),
  read: z.string(),
});
const policyRow = z.object({
  vhost: z.string(),
  name: z.string(),
  pattern: z.string(),
  "apply-to": z.string().default("all"),
  priority: z.number().default(0),
  definition: table,
});
const exchangeRow = z.object({
  vhost: z.string(),
  name: z.string(),
  type: z.string(),
  durable: z.boolean().default(true),
  auto_delete: z.boolean().default(false),
  internal: z.boolean().default(false),
  arguments: table,
});
const queueRow = z.object({
  vhost: z.string(),
  name: z.string(),
  durable: z.boolean().default(true),
  auto_delete: z.boolean().default(false),
  arguments: table,
});
const bindingRow = z.object({
  vhost: z.string(),
  source: z.string(),
  destination: z.string(),
  destination_type: z.string(),
  routing_key: z.string().default(""),
  arguments: table,
});

const document = z.object({
  users: rows(userRow),
  vhosts: rows(vhostRow),
  permissions: rows(permissionRow),
  topic_permissions: rows(topicPermissionRow),
  policies: rows(policyRow),
  exchanges: rows(exchangeRow),
  queues: rows(queueRow),
  bindings: rows(bindingRow),
});

/** Users, vhosts, rights, policies, exchanges, queues and bindings of a broker. */
export type Definitions = z.output<typeof document>;

/** A user as the broker stores it. */
export type UserRow = z.output<typeof userRow>;

/** Reads what RabbitMQ exported.
 *
 * @throws {z.ZodError} when it is no definitions document
 *
 * @example
 * ```ts
 * import { parseDefinitions } from "./document.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const read = parseDefinitions({ vhosts: [{ name: "celeriac", tracing: false }] });
 * assertEquals(read.vhosts, [{ name: "celeriac" }]);
 * assertEquals(read.queues, []);
 * ```
 */
export function parseDefinitions(value: unknown): Definitions {
  return document.parse(value);
}

/** The document as JSON with one row a line, so that versions compare well; the same text for the same definitions. */
export function formatDefinitions(definitions: Definitions): string {
  const sections = Object.entries(definitions).map(([key, rows]) => {
    const lines = rows.map((row) => `    ${JSON.stringify(row)}`);
    return `  "${key}": [${lines.length === 0 ? "" : `\n${lines.join(",\n")}\n  `}]`;
  });
  return `{\n${sections.join(",\n")}\n}\n`;
}

/** Vhosts of a document. */
export function vhostsOf(definitions: Definitions): string[] {
  const { vhosts, permissions, policies, exchanges, queues } = definitions;
  return [
    ...new Set([
      ...vhosts.map(({ name }) => name),
      ...[permissions, policies, exchanges, queues].flat().map(({ vhost }) => vhost),
    ]),
  ];
}
