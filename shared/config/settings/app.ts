/** Settings of the app that a role works for. */
import { flag, list, seconds, setting, text } from "./setting.ts";

/** Settings of the app that a role works for. Durations are seconds. */
export const APP_SETTINGS = {
  contracts: setting({
    env: "CELERIAC_CONTRACTS",
    schema: text.optional(),
    defaultText: "./contracts.ts if ./handlers.ts is there too; dev: else the sample app",
    value: "MODULE",
    roles: ["api", "worker", "beat", "dev", "definitions"],
    help: "module that exports your contracts",
  }),
  handlers: setting({
    env: "CELERIAC_HANDLERS",
    schema: text.optional(),
    defaultText: "./handlers.ts if ./contracts.ts is there too; dev: else the sample app",
    value: "MODULE",
    roles: ["worker", "dev"],
    help: "module that exports your handlers",
  }),
  sample: setting({
    env: "CELERIAC_SAMPLE",
    schema: flag.default(false),
    roles: ["api", "worker", "beat"],
    help: "run the sample app if no contracts and no handlers are named",
  }),
  migrations: setting({
    env: "CELERIAC_MIGRATIONS",
    schema: text.optional(),
    defaultText: "none",
    value: "FOLDER",
    roles: ["dev", "migrate"],
    help: "folder of the app's own migrations, such as 0001_orders.sql",
  }),
  foreignQueues: setting({
    env: "CELERIAC_FOREIGN_QUEUES",
    schema: list.default([]),
    value: "NAMES",
    roles: ["api", "dev", "definitions"],
    help: "queues of other systems (Celery's) that callers may name, with commas",
  }),
  routes: setting({
    env: "CELERIAC_ROUTES",
    schema: list.default([]),
    defaultText: "all to celery",
    value: "ROUTES",
    roles: ["api", "worker", "beat", "dev"],
    help: "queues of other systems' tasks that nobody named one for: PATTERN=QUEUE, with commas",
  }),
  unroutable: setting({
    env: "CELERIAC_UNROUTABLE_TIMEOUT",
    schema: seconds({ min: 1 }).default(24 * 3600),
    value: "SECONDS",
    roles: ["api", "beat", "dev"],
    help:
      "how long a message in the outbox waits for a queue that does not exist, while the broker is up; then it becomes a dead letter and its task FAILURE",
  }),
  retention: setting({
    env: "CELERIAC_RETENTION",
    schema: seconds({ min: 60 }).default(7 * 24 * 3600),
    value: "SECONDS",
    roles: ["api", "dev"],
    help: "age at which final records are dropped",
  }),
} as const;
