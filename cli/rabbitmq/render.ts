/** Renders topology and users as RabbitMQ's definitions document, without secrets (the template) or with them. */
import { ConfigurationError } from "../../shared/errors.ts";
import { queueArguments, type Topology } from "../../shared/broker/declaration.ts";
import { delayLevels, type DelayQueueType } from "./delays.ts";
import type { Definitions } from "./document.ts";
import { hashFor, passwordVariable, type SecretSource } from "./secrets.ts";
import { type BrokerUser, brokerUsers } from "./users.ts";

/** The default vhost. */
export const DEFAULT_VHOST = "celeriac";

/** Content of the document. */
export interface TemplateOptions {
  readonly topology: Topology;
  /** Default: {@linkcode brokerUsers}. */
  readonly users?: readonly BrokerUser[];
  /** Default {@linkcode DEFAULT_VHOST}. */
  readonly vhost?: string;
  /** Type of queues declared without one, in a vhost that does not exist yet. Default `quorum`; `classic` for a project of Celery's, whose
   * own queues older workers only read when they are classic. RabbitMQ before 4.0 knows only `classic`. */
  readonly defaultQueueType?: "quorum" | "classic";
  /** Also the levels in which Celery delays messages inside the broker, made of queues of this type. Default: none, as Celery's own
   * workers make them. */
  readonly delayLevels?: DelayQueueType;
}

/** Options of the rendering. */
export interface RenderOptions extends TemplateOptions {
  readonly secrets: SecretSource;
  /** The broker's current definitions: an unchanged password keeps its hash. */
  readonly stored?: Pick<Definitions, "users">;
}

/** The document without secrets. Not for import: RabbitMQ removes the password of a user without a hash.
 *
 * @example
 * ```ts
 * import { templateDefinitions } from "./render.ts";
 * import { topology } from "../../shared/broker/topology.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { vhosts, queues } = templateDefinitions({ topology: topology(["celeriac.images"]) });
 * assertEquals(vhosts[0]?.name, "celeriac");
 * assertEquals(queues[0]?.arguments, { "x-queue-type": "quorum" });
 * ```
 */
export function templateDefinitions(options: TemplateOptions): Definitions {
  const {
    topology,
    users = brokerUsers(),
    vhost = DEFAULT_VHOST,
    defaultQueueType = "quorum",
  } = options;
  const delays = options.delayLevels && delayLevels(vhost, options.delayLevels);
  return {
    users: users.map(({ name, tags }) => ({ name, tags: [...tags] })),
    vhosts: [{
      name: vhost,
      metadata: {
        description: "Tasks of Celeriac",
        tags: [],
        default_queue_type: defaultQueueType,
      },
    }],
    permissions: users.map(({ name, permission }) => ({ user: name, vhost, ...permission })),
    topic_permissions: users.flatMap(({ name, topics }) =>
      topics.map((topic) => ({ user: name, vhost, ...topic }))
    ),
    policies: topology.policies.map(({ name, pattern, priority, definition }) => ({
      vhost,
      name,
      pattern,
      "apply-to": "queues",
      priority,
      definition: { ...definition },
    })),
    exchanges: [
      ...topology.exchanges.map(({ name, type, durable }) => ({
        vhost,
        name,
        type,
        durable,
        auto_delete: false,
        internal: false,
        arguments: {},
      })),
      ...delays?.exchanges ?? [],
    ],
    queues: [
      ...topology.queues.map((queue) => ({
        vhost,
        name: queue.name,
        durable: true,
        auto_delete: false,
        arguments: queueArguments(queue),
      })),
      ...delays?.queues ?? [],
    ],
    bindings: [
      ...topology.bindings.map((binding) => ({
        vhost,
        source: binding.exchange,
        destination: binding.queue ?? binding.toExchange,
        destination_type: binding.queue === undefined ? "exchange" : "queue",
        routing_key: binding.routingKey,
        arguments: { ...binding.arguments },
      })),
      ...delays?.bindings ?? [],
    ],
  };
}

/** The document with each user's password hash, ready for import.
 *
 * @throws {ConfigurationError} naming the variables to set when users have no password */
export async function renderDefinitions(options: RenderOptions): Promise<Definitions> {
  const { users = brokerUsers(), secrets, stored } = options;
  const known = new Map(stored?.users.map((row) => [row.name, row]));
  const rows: Definitions["users"] = [];
  const missing: BrokerUser[] = [];
  for (const user of users) {
    const { password_hash, hashing_algorithm } = known.get(user.name) ?? {};
    const before = password_hash && hashing_algorithm
      ? { password_hash, hashing_algorithm }
      : undefined;
    const hash = await hashFor(user, secrets, before);
    if (hash) rows.push({ name: user.name, tags: [...user.tags], ...hash });
    else missing.push(user);
  }
  if (missing.length > 0) {
    const names = missing.map(({ name }) => `'${name}'`).join(", ");
    const variables = missing.map(passwordVariable).join(", ");
    throw new ConfigurationError(
      `Cannot render ${names} without a password as RabbitMQ would erase the one it has: set ${variables} (or the same with _FILE; or leave users out with --users)`,
    );
  }
  return { ...templateDefinitions({ ...options, users }), users: rows };
}
