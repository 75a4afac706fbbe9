/** Settings of the servers that a role connects to. */
import { count, oneOf, seconds, SERVERS, setting, url, urls } from "./setting.ts";

/** Settings of the servers that a role connects to. Durations are seconds. */
export const SERVER_SETTINGS = {
  amqpUrl: setting({
    env: "AMQP_URL",
    schema: urls(/^amqps?$/, "amqp://user:password@host:5672/vhost")
      .default("amqp://guest:guest@127.0.0.1:5672"),
    value: "URL",
    secret: true,
    roles: ["api", "worker", "beat", "inspect"],
    help: "URL of RabbitMQ",
  }),
  databaseUrl: setting({
    env: "DATABASE_URL",
    schema: url(/^postgres(ql)?$/, "postgres://user:password@host:5432/database")
      .default("postgres://postgres@127.0.0.1:5432/postgres"),
    value: "URL",
    secret: true,
    roles: SERVERS,
    help: "URL of the Postgres database with the records and the outbox",
  }),
  managementUrl: setting({
    env: "MANAGEMENT_URL",
    schema: url(/^https?$/, "http://user:password@host:15672")
      .default("http://guest:guest@127.0.0.1:15672"),
    value: "URL",
    secret: true,
    roles: ["definitions"],
    help: "URL of RabbitMQ's management API, with an administrator's login",
  }),
  results: setting({
    env: "CELERIAC_RESULTS",
    schema: oneOf(["native", "django"]).default("native"),
    value: "TABLES",
    roles: [...SERVERS, "dev"],
    help: "tables for the records: native (Celeriac's) or django (of django-celery-results)",
  }),
  confirmTimeout: setting({
    env: "CELERIAC_CONFIRM_TIMEOUT",
    schema: seconds({ min: 0.1 }).default(5),
    value: "SECONDS",
    roles: ["api", "worker", "beat", "inspect"],
    help: "timeout of a publisher confirm; after it the message goes to the outbox",
  }),
  databasePool: setting({
    env: "CELERIAC_DATABASE_POOL",
    schema: count({ max: 1000 }).default(8),
    value: "N",
    roles: ["api", "worker", "beat"],
    help: "maximum number of connections to Postgres per process",
  }),
} as const;
