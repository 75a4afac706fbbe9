/** Every setting there is: one table for the environment, the flags, `--help` and the documentation.
 *
 * @module
 */
import { z } from "zod";

/** The commands that settings belong to. */
export type Role = "api" | "worker" | "dev" | "migrate" | "definitions" | "call" | "result";

/** One setting. Its flag is its key in kebab-case. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** Name of the environment variable. */
  readonly env: string;
  /** Parses the text given; what it makes of `undefined` is the default. */
  readonly schema: Schema;
  /** Shown where the default cannot be read off the schema. */
  readonly defaultText?: string;
  /** What a flag's value is called in `--help`; a flag without one takes no value. */
  readonly value?: string;
  /** Never shown; may also be read from the file that `<env>_FILE` names. */
  readonly secret?: true;
  readonly roles: readonly Role[];
  readonly help: string;
}

const text = z.string().min(1, "must not be empty");
const port = z.coerce.number().int().min(0).max(65535);
const list = z.string().transform((given) =>
  given.split(",").map((part) => part.trim()).filter((part) => part !== "")
);
const flag = z.enum(["1", "true", "yes", "on", "0", "false", "no", "off", ""])
  .transform((given) => ["1", "true", "yes", "on"].includes(given));
const seconds = z.coerce.number().min(0);
const count = z.coerce.number().int().min(1);

const setting = <Schema extends z.ZodType>(entry: Setting<Schema>): Setting<Schema> => entry;

const SERVERS = ["api", "worker", "migrate"] as const;
const RUNNING = ["api", "worker", "dev"] as const;

/** The table. Durations are seconds. */
export const SETTINGS = {
  amqpUrl: setting({
    env: "AMQP_URL",
    schema: z.url({
      protocol: /^amqps?$/,
      error: "must look like amqp://user:password@host:5672/vhost",
    })
      .default("amqp://guest:guest@127.0.0.1:5672"),
    value: "URL",
    secret: true,
    roles: ["api", "worker"],
    help: "RabbitMQ to publish to and consume from",
  }),
  databaseUrl: setting({
    env: "DATABASE_URL",
    schema: z.url({
      protocol: /^postgres(ql)?$/,
      error: "must look like postgres://user:password@host:5432/database",
    }).default("postgres://postgres@127.0.0.1:5432/postgres"),
    value: "URL",
    secret: true,
    roles: SERVERS,
    help: "Postgres that holds records and the outbox",
  }),
  managementUrl: setting({
    env: "MANAGEMENT_URL",
    schema: z.url({
      protocol: /^https?$/,
      error: "must look like http://user:password@host:15672",
    }).default("http://guest:guest@127.0.0.1:15672"),
    value: "URL",
    secret: true,
    roles: ["definitions"],
    help: "RabbitMQ's management API, as an administrator",
  }),
  host: setting({
    env: "HOST",
    schema: text.default("127.0.0.1"),
    value: "ADDRESS",
    roles: RUNNING,
    help: "address to listen on; beyond loopback the API wants a token or --open",
  }),
  port: setting({
    env: "PORT",
    schema: port.default(8000),
    value: "PORT",
    roles: ["api", "dev"],
    help: "port of the API; 0 takes a free one",
  }),
  healthPort: setting({
    env: "HEALTH_PORT",
    schema: port.default(0),
    value: "PORT",
    roles: ["worker"],
    help: "port of the worker's /livez, /readyz and /metrics; 0 takes a free one",
  }),
  contracts: setting({
    env: "CELERIAC_CONTRACTS",
    schema: text.optional(),
    defaultText: "the sample app",
    value: "MODULE",
    roles: ["api", "worker", "dev", "definitions"],
    help: "module that exports your contracts",
  }),
  handlers: setting({
    env: "CELERIAC_HANDLERS",
    schema: text.optional(),
    defaultText: "the sample app",
    value: "MODULE",
    roles: ["worker", "dev"],
    help: "module that exports your handlers",
  }),
  apiToken: setting({
    env: "CELERIAC_API_TOKEN",
    schema: text.min(16, "must have at least 16 characters").optional(),
    defaultText: "none",
    value: "TOKEN",
    secret: true,
    roles: ["api", "dev", "call", "result"],
    help: "bearer token that callers must show",
  }),
  open: setting({
    env: "CELERIAC_OPEN",
    schema: flag.default(false),
    roles: ["api", "dev"],
    help: "serve beyond loopback without a token",
  }),
  url: setting({
    env: "CELERIAC_URL",
    schema: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:8000"),
    value: "URL",
    roles: ["call", "result"],
    help: "where the API is",
  }),
  foreignQueues: setting({
    env: "CELERIAC_FOREIGN_QUEUES",
    schema: list.default([]),
    value: "NAMES",
    roles: ["api", "dev", "definitions"],
    help: "queues of other systems (Celery's) that callers may name, with commas",
  }),
  queues: setting({
    env: "CELERIAC_QUEUES",
    schema: list.default([]),
    defaultText: "those of the contracts",
    value: "NAMES",
    roles: ["worker"],
    help: "queues to consume, with commas",
  }),
  concurrency: setting({
    env: "CELERIAC_CONCURRENCY",
    schema: count.max(10_000).default(32),
    value: "N",
    roles: ["worker", "dev"],
    help: "handlers that run at once in one worker",
  }),
  prefetchFactor: setting({
    env: "CELERIAC_PREFETCH_FACTOR",
    schema: z.coerce.number().min(1).max(100).default(8),
    value: "N",
    roles: ["worker", "dev"],
    help:
      "deliveries in hand per running handler: prefetch = concurrency x this; lower it where messages are large",
  }),
  processes: setting({
    env: "CELERIAC_PROCESSES",
    schema: count.max(256).default(2),
    value: "N",
    roles: ["worker", "dev"],
    help: "warm child processes for tasks that run in a process",
  }),
  heapMb: setting({
    env: "CELERIAC_HEAP_MB",
    schema: count.min(16).default(256),
    value: "MIB",
    roles: ["worker", "dev"],
    help: "heap of each child process, MiB",
  }),
  grace: setting({
    env: "CELERIAC_GRACE",
    schema: seconds.default(25),
    value: "SECONDS",
    roles: ["worker", "dev"],
    help: "time that running tasks get to finish after SIGTERM",
  }),
  node: setting({
    env: "CELERIAC_NODE",
    schema: text.max(100).regex(/^[^\s@]+@[^\s@]+$/, "must look like name@host").optional(),
    defaultText: "celeriac@<host>-<random>",
    value: "NAME",
    roles: ["worker", "dev"],
    help: "the worker's node name; never let two be alike",
  }),
  events: setting({
    env: "CELERIAC_EVENTS",
    schema: flag.default(true),
    roles: ["worker"],
    help:
      "publish task events on 'celeryev'; without them a waiting caller is answered up to a second later",
  }),
  confirmTimeout: setting({
    env: "CELERIAC_CONFIRM_TIMEOUT",
    schema: seconds.min(0.1).default(5),
    value: "SECONDS",
    roles: ["api", "worker"],
    help: "wait for the broker's confirm; after it the outbox takes the message",
  }),
  databasePool: setting({
    env: "CELERIAC_DATABASE_POOL",
    schema: count.max(1000).default(8),
    value: "N",
    roles: ["api", "worker"],
    help: "connections to Postgres at most",
  }),
  maxWait: setting({
    env: "CELERIAC_MAX_WAIT",
    schema: seconds.default(60),
    value: "SECONDS",
    roles: ["api", "dev"],
    help: "longest ?wait= and Prefer: wait=",
  }),
  resultCache: setting({
    env: "CELERIAC_RESULT_CACHE",
    schema: z.coerce.number().int().min(0).default(10_000),
    value: "N",
    roles: ["api", "dev"],
    help: "final results kept in memory; 0 turns the cache off",
  }),
  retention: setting({
    env: "CELERIAC_RETENTION",
    schema: seconds.min(60).default(7 * 24 * 3600),
    value: "SECONDS",
    roles: ["api", "dev"],
    help: "age at which final records are dropped",
  }),
  data: setting({
    env: "CELERIAC_DATA",
    schema: text.default(".celeriac"),
    value: "FOLDER",
    roles: ["dev"],
    help: "folder of the embedded database",
  }),
  ephemeral: setting({
    env: "CELERIAC_EPHEMERAL",
    schema: flag.default(false),
    roles: ["dev"],
    help: "keep everything in memory only: a restart forgets all tasks",
  }),
  reset: setting({
    env: "CELERIAC_RESET",
    schema: flag.default(false),
    roles: ["dev"],
    help: "empty the data folder first",
  }),
  logLevel: setting({
    env: "CELERIAC_LOG_LEVEL",
    schema: z.enum(["debug", "info", "warning", "error"]).default("info"),
    value: "LEVEL",
    roles: ["api", "worker", "dev", "migrate"],
    help: "debug, info, warning or error",
  }),
  logFormat: setting({
    env: "CELERIAC_LOG_FORMAT",
    schema: z.enum(["text", "json"]).default("text"),
    value: "FORMAT",
    roles: ["api", "worker", "dev", "migrate"],
    help: "text or json, one line a record, on standard error",
  }),
} as const;

/** Key of a setting, as in {@linkcode SETTINGS}. */
export type SettingKey = keyof typeof SETTINGS;

/** All settings, parsed. */
export type Config = {
  readonly [Key in SettingKey]: z.output<(typeof SETTINGS)[Key]["schema"]>;
};

/** Flag of a setting.
 *
 * @example
 * ```ts
 * import { flagOf } from "./settings.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(flagOf("amqpUrl"), "amqp-url");
 * ```
 */
export function flagOf(key: SettingKey): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Settings of one role, in the table's order. */
export function settingsOf(role: Role): [SettingKey, Setting][] {
  return (Object.entries(SETTINGS) as [SettingKey, Setting][]).filter(([, { roles }]) =>
    roles.includes(role)
  );
}
