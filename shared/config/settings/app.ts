/** Settings of the app that a role runs. */
import { flag, list, seconds, setting, text } from "./setting.ts";

/** Settings of the app that a role runs. Durations are seconds. */
export const APP_SETTINGS = {
  contracts: setting({
    env: "CELERIAC_CONTRACTS",
    schema: text.optional(),
    defaultText: "./contracts.ts if ./handlers.ts also exists; otherwise dev runs the sample app",
    value: "MODULE",
    roles: ["api", "worker", "beat", "dev", "definitions", "tasks"],
    help: "module that exports the app's contracts",
  }),
  handlers: setting({
    env: "CELERIAC_HANDLERS",
    schema: text.optional(),
    defaultText: "./handlers.ts if ./contracts.ts also exists; otherwise dev runs the sample app",
    value: "MODULE",
    roles: ["worker", "dev"],
    help: "module that exports the app's handlers",
  }),
  sample: setting({
    env: "CELERIAC_SAMPLE",
    schema: flag.default(false),
    roles: ["api", "worker", "beat", "tasks"],
    help: "run the sample app if neither contracts nor handlers are set",
  }),
  migrations: setting({
    env: "CELERIAC_MIGRATIONS",
    schema: text.optional(),
    defaultText: "none",
    value: "FOLDER",
    roles: ["dev", "migrate"],
    help: "folder with the app's SQL migrations, such as 0001_orders.sql",
  }),
  foreignQueues: setting({
    env: "CELERIAC_FOREIGN_QUEUES",
    schema: list.default([]),
    value: "NAMES",
    roles: ["api", "dev", "definitions"],
    help: "queues of other systems, such as Celery, that a request may name; comma-separated",
  }),
  routes: setting({
    env: "CELERIAC_ROUTES",
    schema: list.default([]),
    defaultText: "all to celery",
    value: "ROUTES",
    roles: ["api", "worker", "beat", "dev"],
    help:
      "queue of a task that has no contract and whose sender names no queue: comma-separated PATTERN=QUEUE",
  }),
  unroutable: setting({
    env: "CELERIAC_UNROUTABLE_TIMEOUT",
    schema: seconds({ min: 1 }).default(24 * 3600),
    value: "SECONDS",
    roles: ["api", "beat", "dev"],
    help:
      "how long a message stays in the outbox while the broker is up but its queue does not exist; then it becomes a dead letter and its task fails",
  }),
  retention: setting({
    env: "CELERIAC_RETENTION",
    schema: seconds({ min: 60 }).default(7 * 24 * 3600),
    value: "SECONDS",
    roles: ["api", "dev"],
    help: "age at which final records are deleted",
  }),
} as const;
