/** Users and permissions on the broker: one user per role, with least privilege.
 *
 * Permissions of each AMQP operation: RabbitMQ documentation, "Access Control"; the integration test tries each role against every verb.
 * @module
 */
import { closest } from "../../shared/text/closest.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import { DELAYED_EXCHANGE } from "../../shared/broker/topology.ts";

/** Role of a broker user. */
export type UserRole =
  | "admin"
  | "api"
  | "worker"
  | "beat"
  | "dead"
  | "monitor"
  | "keda"
  | "python"
  | "django"
  | "flower"
  | "events";

/** Regular expressions (PCRE) over names of exchanges and queues. */
export interface Permission {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** Regular expressions over the routing keys of a topic exchange. */
export interface TopicPermission {
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
}

/** A user of the broker. */
export interface BrokerUser {
  /** `project`: another project's own user in its own vhost. */
  readonly role: UserRole | "project";
  readonly name: string;
  /** RabbitMQ's own: `administrator`, `monitoring`, `management`, `policymaker`; others have no effect. */
  readonly tags: readonly string[];
  readonly permission: Permission;
  readonly topics: readonly TopicPermission[];
}

/** Names of users, and other queues on the vhost. */
export interface BrokerUsersOptions {
  /** Prefix of each user's name, so that another `api` on a shared broker is never overwritten. Default `celeriac-`. */
  readonly prefix?: string;
  /** Queues of Celery projects in this vhost: the API sends to them and measures them, a worker with `CELERIAC_QUEUES` may consume them. Default `celery`. */
  readonly foreignQueues?: readonly string[];
}

interface Grant extends Permission {
  readonly tags?: readonly string[];
  readonly topics?: readonly TopicPermission[];
}

const NOTHING = "^$";

/** One user for each role.
 *
 * @example
 * ```ts
 * import { brokerUsers } from "./users.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const beat = brokerUsers().find(({ role }) => role === "beat");
 * assertEquals(beat?.name, "celeriac-beat");
 * assertEquals(beat?.permission.write, String.raw`^(celeriac|amq\.default|event\.celeriac|type\.event\.celeriac)$`);
 * ```
 */
export function brokerUsers(options: BrokerUsersOptions = {}): BrokerUser[] {
  const { prefix = "celeriac-", foreignQueues = ["celery"] } = options;
  return Object.entries(grants(foreignQueues)).map(([role, grant]) => {
    const { tags = [], topics = [], ...permission } = grant;
    return { role: role as UserRole, name: `${prefix}${role}`, tags, permission, topics };
  });
}

function grants(foreignQueues: readonly string[]): Record<UserRole, Grant> {
  const foreign = foreignQueues.map(escaped);
  // Where Celery delays messages inside the broker: its workers make it, its senders send to its ends.
  const delays = String.raw`celery_delayed_\w+`;
  const delayEnds = "celery_delayed_(27|delivery)";
  // The control exchange, the reply exchange, and each node's own queues.
  const control = String.raw`(.+\.)?celery\.pidbox`;
  // Without the control queue of a worker.
  const controlClient = [String.raw`celery\.pidbox`, String.raw`(.+\.)?reply\.celery\.pidbox`];
  const entry = String.raw`event\.celeriac`;
  // From which workers and other systems receive events by type.
  const byType = String.raw`type\.event\.celeriac`;
  // Queues that other systems make for the events that they receive, without those of workers.
  const subscribers = String.raw`sub\.(?!celeriac\.).+`;
  // A worker's own queue for `onEach()`.
  const listener = String.raw`sub\.celeriac\..+`;
  const python = oneOf(...foreign, String.raw`celeryev(\..*)?`, control, delays);
  return {
    admin: { tags: ["administrator"], configure: ".*", write: ".*", read: ".*" },
    api: {
      configure: oneOf(String.raw`amq\.gen-.*`, String.raw`(reply\.)?celery\.pidbox`),
      // Queues: from RabbitMQ 4.2.6, measuring a queue requires a permission on it.
      write: oneOf(
        "celeriac",
        String.raw`amq\.default`,
        String.raw`amq\.gen-.*`,
        String.raw`celery\.pidbox`,
        String.raw`celeriac\..+`,
        entry,
        ...foreign,
      ),
      read: oneOf(
        String.raw`amq\.gen-.*`,
        "celeryev",
        String.raw`reply\.celery\.pidbox`,
        String.raw`celeriac\.dead`,
      ),
    },
    worker: {
      configure: oneOf(control, listener),
      // `celeriac.dead` is there to see that the queue exists; it can be sent to by the default exchange anyway.
      write: oneOf(
        "celeriac",
        String.raw`amq\.default`,
        "celeryev",
        String.raw`dlx\.celeriac`,
        String.raw`celeriac\.dead`,
        control,
        listener,
      ),
      // The exchange: from RabbitMQ 4.3, checking that it exists requires a permission on it.
      read: oneOf(
        String.raw`celeriac\.(?!dead$).+`,
        ...foreign,
        control,
        DELAYED_EXCHANGE,
        byType,
        listener,
      ),
      topics: [{ exchange: "celeryev", write: String.raw`^(worker|task)\..*$`, read: NOTHING }],
    },
    beat: {
      configure: NOTHING,
      write: oneOf("celeriac", String.raw`amq\.default`, entry, byType),
      // The exchanges: from RabbitMQ 4.2.7, checking that they exist requires a permission on them.
      read: oneOf(
        String.raw`(inbox|forward)\.celeriac`,
        String.raw`(every|match)\.event\.celeriac`,
      ),
    },
    dead: { configure: NOTHING, write: "^celeriac$", read: String.raw`^celeriac\.dead$` },
    monitor: { tags: ["monitoring"], configure: NOTHING, write: NOTHING, read: NOTHING },
    keda: { tags: ["management"], configure: NOTHING, write: NOTHING, read: NOTHING },
    python: {
      configure: python,
      write: oneOf(
        ...foreign,
        String.raw`celeryev(\..*)?`,
        control,
        String.raw`amq\.default`,
        delays,
      ),
      read: python,
    },
    django: {
      configure: oneOf(...foreign),
      write: oneOf(String.raw`amq\.default`, delayEnds, ...foreign),
      read: oneOf(...foreign),
    },
    flower: {
      tags: ["monitoring"],
      configure: oneOf(String.raw`celeryev(\..*)?`, ...controlClient),
      write: oneOf(String.raw`celeryev\..*`, ...controlClient),
      read: oneOf(String.raw`celeryev(\..*)?`, ...controlClient),
    },
    events: {
      configure: `^${subscribers}$`,
      write: oneOf(subscribers, entry),
      read: oneOf(
        subscribers,
        String.raw`(type|every|match)\.event\.celeriac`,
        String.raw`log\.celeriac`,
      ),
    },
  };
}

/** The user of a Celery project in its own vhost: full access, except to Celeriac's queues and exchanges, to which it may only publish.
 * Replaces tags and permissions of an existing user of that name.
 *
 * @param tags RabbitMQ's own tags, such as `management`; none by default */
export function projectUser(name: string, tags: readonly string[] = []): BrokerUser {
  const notOurs = String
    .raw`^(?!celeriac(\..*)?$|(dlx|match|inbox|forward|log|((type|every|match)\.)?event)\.celeriac$).*$`;
  return {
    role: "project",
    name,
    tags,
    permission: {
      configure: notOurs,
      write: String
        .raw`^(?!celeriac\..*$|(dlx|inbox|forward|log|(type|every|match)\.event)\.celeriac$).*$`,
      read: notOurs,
    },
    topics: [],
  };
}

/** The users of some roles.
 *
 * @throws {ConfigurationError} for an unknown role, with the closest known one */
export function selectUsers(users: readonly BrokerUser[], roles: readonly string[]): BrokerUser[] {
  const known = users.map(({ role }) => role);
  for (const role of roles) {
    if ((known as string[]).includes(role)) continue;
    const near = closest(role, known);
    throw new ConfigurationError(
      `Cannot select user '${role}' because there is no such role: ${
        near ? `did you mean '${near}'?` : `choose from ${known.join(", ")}`
      }`,
    );
  }
  return users.filter(({ role }) => roles.includes(role));
}

function oneOf(...alternatives: string[]): string {
  return alternatives.length === 0 ? NOTHING : `^(${alternatives.join("|")})$`;
}

function escaped(name: string): string {
  return name.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
